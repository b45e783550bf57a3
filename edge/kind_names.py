"""What products, and the kinds of a model of several, are called."""

from typing import Annotated

from pydantic import Field

LONGEST_PRODUCT = 64  # letters, its kind included

Product = Annotated[str, Field(min_length=1, max_length=LONGEST_PRODUCT)]


def kind_name(name: str) -> str:
    """A kind's name that people can read and nobody can take for a product. Raises ValueError for any other."""
    if not name.isprintable() or "/" in name or name != name.strip() or not 1 <= len(name) <= 32:
        raise ValueError(f"{name[:40]!r} is no name of a kind: 1 to 32 letters, digits or signs but '/'")
    return name


def kind_product(product: str, kind: str) -> str:
    """What a kind is called where it stands for itself, such as in records."""
    return f"{product}/{kind}"


def is_kind_of(found: str, product: str) -> bool:
    """True for what a kind of this product is called."""
    return found.startswith(kind_product(product, ""))
