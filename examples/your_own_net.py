"""A PyTorch module of your own: trained, searched, compared, saved and loaded.

    python examples/your_own_net.py                     # synthesised music
    python examples/your_own_net.py FOLDER              # FOLDER/CLASS/RECORDING
    python examples/your_own_net.py labels.csv --where task=my_task

The module is a recurrent net whose frames are averaged by how much attention each gets.
"""

import argparse
from pathlib import Path

from compare_pipelines import add_data_options, load, report
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

import skdeepmir
from skdeepmir import NetTagger, SpectrogramExtractor
from skdeepmir.baselines import mfcc_svm


class AttentionNet(nn.Module):
    """Logits of frames in their context, averaged by attention."""

    def __init__(self, n_features, n_outputs, *, n_units=48, dropout=0.3):
        super().__init__()
        self.context = nn.GRU(n_features, n_units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(2 * n_units, n_outputs)
        self.attention = nn.Linear(2 * n_units, 1)

    def forward(self, x):
        """Return logits (batch, n_outputs) of frames (batch, n_frames, n_features)."""
        frames = self.dropout(self.context(x)[0])  # (batch, n_frames, 2 * n_units)
        weights = self.attention(frames).softmax(dim=1)  # (batch, n_frames, 1)
        return (weights * self.logits(frames)).sum(dim=1)


def main():
    """Run the comparison, and keep a net that is trained on all clips."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--n-units", type=int, nargs="+", default=[24, 48])
    args = parser.parse_args()
    clips, cache = load(args), {"cache_dir": args.cache_dir}
    net = make_pipeline(
        SpectrogramExtractor("log_mel", n_mels=40, hop_length=1024, **cache),
        NetTagger(
            AttentionNet,
            excerpt_length=40,
            mask_bands=4,
            mask_frames=4,
            learning_rate=3e-3,
            gradient_clipping=1.0,
            max_epochs=args.max_epochs,
            random_state=0,
            verbose=False,
        ),
    )
    search = GridSearchCV(net, {"nettagger__module__n_units": args.n_units}, cv=3)
    pipelines = {"MFCC + SVM": mfcc_svm(**cache), "AttentionNet": search}
    report(clips, pipelines, args, baseline="MFCC + SVM", name="your_own_net")

    path = Path(args.out) / "your_own_net.skdeepmir"
    fitted = clone(search).fit(clips.data, clips.target).best_estimator_
    skdeepmir.save(fitted, path)
    again = skdeepmir.load(path, trusted=[AttentionNet])
    same = (again.predict(clips.data) == fitted.predict(clips.data)).all()
    print(f"Model: {path}, predicts the same when it is loaded: {same}")


if __name__ == "__main__":
    main()
