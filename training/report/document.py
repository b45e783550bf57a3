"""What every page that training writes is made with: one file, two languages, and no request to anywhere."""

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from training.report.wording import told


def template_of(name: str, *, language: str, **used: object) -> Template:
    """A page by its place in this package, such as "report/page.html". language: which of the two is shown first.
    used: what its words and figures are told with."""
    environment = Environment(
        loader=PackageLoader("training", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=told, style=text_of("page.css"), language=language, **used)
    return environment.get_template(name)


def text_of(name: str) -> Markup:
    """A style or a script, as it is."""
    return Markup(resources.files("training.report").joinpath(name).read_text(encoding="utf-8"))
