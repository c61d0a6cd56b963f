"""What a fuzz target finds wrong with something that was accepted."""


class ImplausibleError(AssertionError):
    """Something was accepted that cannot be right."""


def demand(condition: object, what: str) -> None:
    """Raise ImplausibleError where the condition does not hold."""
    if not condition:
        raise ImplausibleError(what)
