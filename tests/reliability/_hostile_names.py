"""Names that pictures, tables and terminals could take for something else."""

import io
import re
import xml.dom.minidom

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeepmir import compare
from skdeepmir._printable import printable
from skdeepmir.metrics import tag_report
from skdeepmir.model_selection import Comparison
from skdeepmir.plotting import (
    ChordConfusionDisplay,
    ComparisonDisplay,
    ProjectionDisplay,
)

NAMES = {
    "unicode": "café 音楽.wav",
    "decomposed": "cafe\u0301.wav",
    "spaces": "two  spaces .wav",
    "new line": "new\nline\r\t.wav",
    "ansi escape": "red\x1b[31m\x9b1m\x07.wav",
    "dash": "-rf.wav",
    "script": "<script>alert(1)</script>.wav",
    "image": "<img src=x onerror=alert(1)>\" onload='alert(1)'",
    "formula": "=1+1,'\"&.wav",
    "glob": "[a-z]*?.wav",
    "percent": "100%s{0}%(x)s.wav",
    "long": "n" * 251 + ".wav",
    "surrogate": "latin1_\udce9.wav",
    "mathtext": "a$b_{$.wav",
    "two dollars": r"$\frac{1}{$ $\notacommand$",
    "pipe": "a|b\\|c`d`|",
    "link": "[x](https://example.org) ![y](https://example.org/z.png)",
    "underscore": "_hidden",
    "right to left": "a\u202egnp.wav",
    "empty": "",
}
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]")


def render_all():
    """Yield (what, text): every report, with all names in each place."""
    yield from _comparisons()
    yield from _tables()
    yield from _pictures()
    step = FunctionTransformer(kw_args={name: name for name in NAMES.values()})
    steps = [
        (f"{i}{name}".replace("__", ""), step) for i, name in enumerate(NAMES.values())
    ]
    yield "HTML of a pipeline", _without_own_code(Pipeline(steps)._repr_html_())


def faults_of(what, text):
    """Return what is wrong with a rendered text, "" for nothing."""
    # What scikit-learn shows keeps them: a browser does nothing with them.
    if UNSAFE.search(text) and what != "HTML of a pipeline":
        return f"{what} has a control character: {UNSAFE.search(text)[0]!a}"
    if what.startswith(("HTML", "Markdown")) and re.search("<(script|img)", text, re.I):
        return f"{what} has a tag"
    if what == "Markdown":
        for line in text.split("\n"):
            if len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) != 7:
                return f"{what} has other cells: {line!a}"
        if re.search(r"(?<!\\)(?:\\\\)*[`\[$]", text):
            return f"{what} has a link, code or formula"
    return ""


def _comparisons():
    rng = np.random.RandomState(0)
    X, y = rng.rand(12, 2), np.array([0, 1] * 6)
    models = {name: DummyClassifier() for name in NAMES.values()}
    result = compare(models, X, y, cv=KFold(2), verbose=False)
    assert len(result.summary()) == len(NAMES)
    yield "Markdown", result.to_markdown()
    yield "repr", repr(result)
    yield "HTML of the summary", result.summary().to_html()
    yield "text of the summary", repr(result.summary())
    yield from _pictures_of(result.plot())
    for name in NAMES.values():
        folds = result.folds.rename(columns={"accuracy": name})
        yield "Markdown", Comparison(folds, [name], baseline=name).to_markdown()
    everything = "".join(NAMES.values())
    folds = result.folds.rename(columns={"accuracy": everything})
    yield from _pictures_of(ComparisonDisplay(folds, everything).plot())


def _tables():
    names = [name for name in NAMES.values() if name]  # a tag has one
    truth = np.eye(len(names), dtype=int)
    report = tag_report(truth, truth, tag_names=names)
    yield "tag report", report.to_string()
    yield "HTML of the tag report", report.to_html()
    yield "CSV of the tag report", report.to_csv()
    columns = pd.DataFrame(truth, columns=names)
    yield "tag report of a table", repr(tag_report(columns, columns))


def _pictures():
    names = list(NAMES.values())
    points = np.random.RandomState(0).rand(len(names), 2)
    labels = np.array(names, dtype=object)
    everything = "".join(names)
    yield from _pictures_of(ProjectionDisplay({everything: points}, labels).plot())
    index = pd.Index(names, name=everything)
    seconds = pd.DataFrame(np.eye(len(names)), index=index, columns=index)
    yield from _pictures_of(ChordConfusionDisplay(seconds).plot())


def _pictures_of(display):
    import matplotlib.pyplot as plt
    from matplotlib import rc_context
    from matplotlib.text import Text

    figure = display.figure_
    texts = "\n".join(text.get_text() for text in figure.findobj(Text))
    # The middle of a long name may be left out.
    starts = [
        printable(name)[: 25 if len(name) > 50 else None] for name in NAMES.values()
    ]
    assert [start for start in starts if start not in texts] == []
    yield "texts of a picture", texts
    figure.savefig(io.BytesIO(), format="png", dpi=20)
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    plt.close(figure)
    xml.dom.minidom.parseString(file.getvalue().encode())
    yield "HTML in SVG", file.getvalue()


def _without_own_code(text):
    """Leave out the scripts of scikit-learn itself."""
    return re.sub(r"<script>(?!alert).*?</script>", "", text, flags=re.S)
