"""C++ for the products of a layer: polynomials in the features of a channel, in nested form."""

from dataclasses import dataclass, field

from redoxmc.native.angular import Contraction, Monomial, nesting_order


@dataclass
class _Node:
    """Sum of a coefficient and features times further sums."""

    index: int | None = None
    children: dict[int, "_Node"] = field(default_factory=dict)


@dataclass(frozen=True)
class Products:
    """Generated functions of one layer."""

    code: str  # members of a C++ class
    order: tuple[int, ...]  # the monomial (index over all outputs) of each coefficient in turn
    flops: tuple[int, int]  # per channel, forward and adjoint


def emit_contraction(contraction: Contraction) -> Products:
    """Write `contract` and `contract_adjoint` of a layer."""
    rank = {x: k for k, x in enumerate(nesting_order(contraction.outputs))}
    order: list[int] = []
    forward: list[str] = []
    adjoint: list[str] = []
    flops = [0, 0]
    first = 0
    for m, monomials in enumerate(contraction.outputs):
        root = _nest(monomials, rank, first)
        first += len(monomials)
        _number(root, order)
        lines, total = _sums(root, flops, 0)
        forward += ["{", *(f"  {line}" for line in lines), f"  B[{m}] = {total}; }}"]
        lines, _ = _sums(root, flops, 1, skip_root=True)
        adjoint += ["{", *(f"  {line}" for line in lines)]
        adjoint += [f"  {line}" for line in _reverse(root, f"d[{m}]", "", flops)] + ["}"]
    n = "\n    "
    code = f"""
  // c: coefficients of the species and channel block, LANES apart. x: features, B: products.
  static INLINE void contract(const S *c, const V *x, V *B)
  {{
    {n.join(forward)}
  }}

  // d: gradient of the products; adds to dx.
  static INLINE void contract_adjoint(const S *c, const V *x, const V *d, V *dx)
  {{
    {n.join(adjoint)}
  }}
"""
    return Products(code, tuple(order), (flops[0], flops[1]))


def _nest(monomials: tuple[Monomial, ...], rank: dict[int, int], first: int) -> _Node:
    root = _Node()
    for k, monomial in enumerate(monomials):
        node = root
        for x in sorted(monomial, key=rank.__getitem__):
            node = node.children.setdefault(x, _Node())
        node.index = first + k
    return root


def _number(node: _Node, order: list[int]) -> None:
    """Number coefficients in the order in which the code meets them."""
    if node.index is not None:
        order.append(node.index)
        node.index = len(order) - 1
    for child in node.children.values():
        _number(child, order)


def _value(node: _Node, path: str) -> str:
    return f"ld(c + {node.index} * LANES)" if not node.children else f"s{path}"


def _sums(
    root: _Node, flops: list[int], which: int, skip_root: bool = False
) -> tuple[list[str], str]:
    """Statements for the inner sums, and the expression of the outermost one."""
    lines: list[str] = []

    def expression(node: _Node, path: str) -> str:
        for x, child in node.children.items():
            if child.children:
                inner = expression(child, f"{path}_{x}")
                lines.append(f"const V s{path}_{x} = {inner};")
        if skip_root and node is root:
            return ""
        parts = [] if node.index is None else [f"ld(c + {node.index} * LANES)"]
        parts += [f"x[{x}] * {_value(c, f'{path}_{x}')}" for x, c in node.children.items()]
        flops[which] += 2 * len(node.children)
        return " + ".join(parts) or "V{}"

    total = expression(root, "")
    return lines, total


def _reverse(node: _Node, gradient: str, path: str, flops: list[int]) -> list[str]:
    lines = []
    for x, child in node.children.items():
        name = f"{path}_{x}"
        lines.append(f"dx[{x}] += {gradient} * {_value(child, name)};")
        flops[1] += 2
        if child.children:
            lines.append(f"const V g{name} = {gradient} * x[{x}];")
            flops[1] += 1
            lines += _reverse(child, f"g{name}", name, flops)
    return lines
