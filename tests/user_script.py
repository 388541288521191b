"""What a user writes: good code, and lines that type checkers must refuse (# wrong)."""

# ruff: noqa: B018, F401, I001

from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from scipy.sparse import csr_array  # type: ignore[import-untyped]
from sklearn.ensemble import BaggingClassifier  # type: ignore[import-untyped]
from sklearn.model_selection import GridSearchCV  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline as scikit_pipeline  # type: ignore[import-untyped]
from sklearn.svm import SVC  # type: ignore[import-untyped]
import torch
from torch import nn

import skdeepmir
from skdeepmir import (
    BLSTMChordRecognizer,
    ClipLookup,
    ClipVotingClassifier,
    ConvRegressor,
    ConvTagger,
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameTransformer,
    GaussianChordRecognizer,
    MultiTimescalePooler,
    NetTagger,
    PianoTranscriber,
    Pipeline,
    SpectrogramExtractor,
    compare,
    datasets,
    load,
    make_piano_pipeline,
    make_pipeline,
    metrics,
    save,
)
from skdeepmir import ConvTager  # wrong

# Clips and labels in every form

paths = [Path("a.wav"), Path("b.wav")]
rng = np.random.RandomState(0)
clips = [rng.rand(40, 8), rng.rand(50, 8)]
tags = np.array([[0, 1], [1, 0]])
SpectrogramExtractor("mfcc", n_fft=1024, cache_dir=Path("cache")).fit(paths)
SpectrogramExtractor().transform(pd.Series(["a.wav", "b.wav"]))
ConvTagger((8, 16), max_epochs=3, learning_rate=0.01, random_state=0)
ConvTagger(channels=[8], early_stopping=np.bool_(True).item(), random_state=rng)
ConvTagger().fit(clips, [0, 1]).predict(np.zeros((2, 40, 8)))
ConvTagger().fit(clips, ["a", "b"], X_val=clips, y_val=["a", "b"])
ConvTagger().fit(clips, tags, sample_weight=[1.0, 2.0])
ConvTagger().fit(clips, csr_array(tags))
ConvTagger().fit(clips, pd.DataFrame(tags, columns=["guitar", "voice"]))
DropoutMLPClassifier().fit(pd.DataFrame(np.eye(3)), pd.Series([0, 1, 0]))

# Pipelines, searches, models

pooler = MultiTimescalePooler(("mean", "std"), windows=("clip", 1.0), frame_rate=43.0)
pipeline = make_pipeline(SpectrogramExtractor(), pooler, SVC(), memory="cache")
pipeline.fit(paths, [0, 1]).predict(paths)
pipeline.fit(paths, [0, 1], X_val=paths, y_val=[0, 1])
steps = Pipeline([("log_mel", SpectrogramExtractor()), ("net", ConvTagger())])
steps.set_params(net__max_epochs=3)[:-1].fit_transform(paths)
print(steps.named_steps["net"], [name for name, step in steps.steps])
scikit_pipeline(SpectrogramExtractor(), ConvTagger()).fit(paths, [0, 1])
GridSearchCV(pipeline, {"svc__C": [1, 10]}, cv=2).fit(paths, [0, 1])
BaggingClassifier(make_pipeline(ClipLookup(clips), ConvTagger())).fit(
    [[0], [1]], [0, 1]
)
search = GridSearchCV(ConvTagger(), {"max_epochs": [1, 2]}, cv=2).fit(clips, [0, 1])
best = search.best_estimator_.predict(clips)
tagger = ConvTagger().set_params(max_epochs=1)
save(pipeline, "model")
load("model").predict(paths)
ClipVotingClassifier(SVC()).fit(clips, [0, 1]).predict(clips)
FrameTransformer(SVC(), max_frames=None)


class MyNet(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, n_features: int, n_outputs: int, depth: int = 1) -> None:
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(x).mean(dim=1)
        return logits


own = NetTagger(MyNet, max_epochs=2).fit(clips, tags)
GridSearchCV(own, {"module__depth": [1, 2]}).fit(clips, tags)
load("model", trusted=[MyNet]).predict(clips)

# Fitted attributes and results

fitted = ConvTagger().fit(clips, tags)
shape: tuple[int, ...] = fitted.predict_proba(clips).shape
score: float = fitted.score(clips, tags)
n_features: int = fitted.n_features_in_
first: float = fitted.loss_curve_[0] + fitted.weights_["output.weight"].max()
print(fitted.classes_.tolist(), fitted.n_iter_ + 1, fitted.module_.training)
print(fitted.get_params()["max_epochs"], fitted.feature_names_in_.tolist())
rate: float = SpectrogramExtractor().frame_rate
names: list[list[str]] = fitted.predict_tags(clips)
names += steps.fit(paths, tags).predict_tags(paths)
for intervals, labels in GaussianChordRecognizer(frame_rate=10.0).predict_intervals([]):
    print(intervals.shape, labels.tolist())
piano = PianoTranscriber("svm", evidence_weight="tune", transpose=None, frame_rate=50.0)
found_notes = piano.fit(clips, [[(0.1, 0.4, 60)], Path("b.mid")]).predict(clips)[0]
print(found_notes["onset"].max(), piano.p_on_.shape, piano.calibration_[0] + 1.0)
make_piano_pipeline(piano, features=None).fit(paths, paths).to_midi(paths, ["a.mid"])
codes = DBNFeatureLearner((8,)).fit_transform(clips)
numbers = ConvRegressor().fit(clips, [0.1, 2.0]).predict(clips).mean() + 1.0
collection = datasets.make_tag_clips(n_clips=10, random_state=0)
print(collection.target_names, metrics.auc_tag(tags, fitted.predict_proba(clips)))
print(skdeepmir.__version__, skdeepmir.chords.VOCABULARIES, codes, best)
result = compare({"svm": pipeline, "net": tagger}, paths, [0, 1], cv=2)
compare({"svm": pipeline}, paths, [0, 1], cv=np.array([0, 1]), scoring=["accuracy"])
compare({"svm": pipeline}, paths, [0, 1], X_test=paths, y_test=[0, 1], cache_dir="kept")
print(result.to_markdown(), result.summary().loc["svm"])
result.plot().figure_.savefig("comparison.png")

# What must be flagged

ConvTagger(chanels=3)  # wrong
ConvTagger(max_epochs="3")  # wrong
ConvTagger(max_epochs="3", chanels=3)  # wrong
ConvTagger(filters="round")  # wrong
NetTagger(module=3, max_epoch=2)  # wrong
ConvTagger().fit(clips)  # wrong
ConvTagger().fit(clips, tags, x_val=clips)  # wrong
ConvTagger().fit(clips, tags).predct(clips)  # wrong
ConvTagger().predict(None)  # wrong
ConvTagger().scores_  # wrong
fitted.predict_proba(clips).shap  # wrong
fitted.classes_.tolst()  # wrong
fitted.weights_.max()  # wrong
BLSTMChordRecognizer(n_unit=3)  # wrong
PianoTranscriber("conv")  # wrong
piano.to_midi(clips)  # wrong
SpectrogramExtractor("mell")  # wrong
SpectrogramExtractor(hop=512)  # wrong
MultiTimescalePooler(output="window")  # wrong
ClipVotingClassifier(SVC(), voting=1)  # wrong
DropoutMLPClassifier().fit(clips, tags).coef_  # wrong
datasets.load_manifst("clips.csv")  # wrong
metrics.auctag(tags, tags)  # wrong
metrics.get_scorer(3)  # wrong
skdeepmir.ConvTager  # wrong
compare({"svm": pipeline}, paths, [0, 1], folds=3)  # wrong
result.summery()  # wrong
pipeline.fit(paths, [0, 1]).predct(paths)  # wrong
make_pipeline(SVC(), memry="cache")  # wrong
save("model")  # wrong
fitted.predict_tags(clips).shape  # wrong
fitted.predict_tags()  # wrong
steps.predict_tags(paths).shape  # wrong
steps.to_lab(paths)  # wrong
steps.transform(paths, 3)  # wrong
pooler.get_feature_names_out(1, 2)  # wrong
