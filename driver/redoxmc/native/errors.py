"""Why there are no native kernels for a model. In both cases TorchScript can be used instead."""


class CannotGenerateError(Exception):
    """The model has a feature that native code cannot be generated for; the message names it."""


class NativeUnavailableError(Exception):
    """There are no native kernels for this model on this machine; the message is one sentence."""
