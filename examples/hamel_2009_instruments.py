"""
Instruments in mixtures, as in 2009
===================================

Which families of instruments play in a piece? Hamel, Wood and Eck (ISMIR 2009) asked
three models: a support vector machine, a multi-layer perceptron, and a deep belief
network, then three years old. The task is still a fair exercise, because several
answers are right at once and the F-score punishes both silence and chatter.
"""

# %%
# Mixtures of one to three synthesised instruments, told by statistics of their MFCCs
# and of the slopes of these, as in the paper. The clips of a song stay together in the
# folds.
import numpy as np
import pandas as pd
from IPython.display import Audio
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    DBNFeatureLearner,
    DropoutMLPClassifier,
    MultiTimescalePooler,
    SpectrogramExtractor,
)
from skdeepmir.datasets import make_tag_clips

clips = make_tag_clips(n_clips=120, duration=2.0, random_state=0)
y, families = clips.target, clips.target_names
mfcc = SpectrogramExtractor("mfcc", deltas=1, amin=1e-6, verbose=False)
pooler = MultiTimescalePooler(("mean", "std", "min", "max"))
X = pooler.fit_transform(mfcc.fit_transform(clips.data))

# %%
# One of them: what would you write down?
print(*families[y[3] == 1])
Audio(clips.data[3], rate=clips.sample_rate)

# %%
# Each model tells each family from the rest, with a threshold tuned for the F-score on
# folds inside the training set. At 0.5, most models would rather say nothing.


def each_family(classifier):
    tuned = TunedThresholdClassifierCV(classifier, scoring="f1", cv=3, thresholds=20)
    return OneVsRestClassifier(tuned)


learner = DBNFeatureLearner(
    (100, 50),
    max_epochs=20,
    batch_size=20,
    finetune_epochs=40,
    random_state=0,
    verbose=False,
)
perceptron = DropoutMLPClassifier(
    (100,),
    dropout=0,
    input_dropout=0,
    max_epochs=60,
    tune_thresholds=True,
    validation_fraction=0.3,
    random_state=0,
    verbose=False,
)
models = {
    "SVM": [each_family(SVC(C=10))],
    "MLP": [perceptron],  # one net for all families, tuned likewise
    "DBN": [learner, each_family(LogisticRegression(max_iter=1000))],
}
table = pd.DataFrame({"prevalence": y.mean(axis=0)}, index=families)
for name, steps in models.items():
    model = make_pipeline(StandardScaler(), *steps)
    found = cross_val_predict(model, X, y, groups=clips.groups, cv=GroupKFold(3))
    table[name] = f1_score(y, found, average=None)
table.loc["mean"] = table.mean()
table.round(2)

# %%
# "prevalence" is the share of clips that a family is in. It is the yardstick of an
# F-score: who says yes to every clip gets 2p / (1 + p), the grey line, which is .5 for
# a third.
ax = table.drop(columns="prevalence").plot.bar(figsize=(8, 4), rot=0, width=0.75)
yes = 2 * table["prevalence"] / (1 + table["prevalence"])
ax.hlines(yes, np.arange(7) - 0.4, np.arange(7) + 0.4, color="0.4", label="always yes")
ax.set(ylabel="F-score")
ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.13))
