"""Which atoms still count in each layer of a message-passing model, for a domain with ghosts."""

import torch
from torch import Tensor


def receivers_of_layers(edges: Tensor, n_local: int, n: int, n_layers: int) -> list[int]:
    """For each layer how many atoms (the first ones) have to receive messages in it.

    edges: (2, E) sender, receiver. n_local: atoms whose energy is wanted, of n. The last layer
    serves those alone; each layer before it also the senders of the next, with all that come
    before them in the list. With n_local = n that is all atoms in every layer.
    """
    counts = [n_local]
    for _ in range(n_layers - 1):
        reach = counts[0]
        if reach < n:
            senders = edges[0][edges[1] < reach]
            if senders.numel() > 0:
                reach = max(reach, int(senders.max()) + 1)
        counts.insert(0, reach)
    return counts


def count_below(receivers: Tensor, n: int) -> int:
    """How many of the receivers, in ascending order, are among the first n atoms."""
    return int(torch.searchsorted(receivers, n))
