"""Local filters of Le et al. (2012): speed, what units answer to, features.

    python benchmarks/local_filters.py layer
    python benchmarks/local_filters.py PART labels.csv OUT

where PART is units, invariance, optimal, features or page.

"layer": forward and backward of a locally connected layer beside its bare batched
matrix products (of windows that were laid out before) and torch's unfold.

The others learn without labels from sounds, instruments and speech (all but one fold of
ESC-10, solo phrases and spoken digits). "units": for each class, the unit that tells it
from all others best by one threshold on its largest, or its mean, answer in a clip.
Unit and threshold are chosen on four folds, and the balanced accuracy is that of the
fifth, each in turn; beside as many units of the same net with random filters, as many
k-means centroids of such patches, and the mel bands. "invariance": what shifts in time
and pitch leave of the best units' answers, layer by layer. "optimal": the largest
answer to a training clip, beside that to the optimal stimulus of its norm, which is
written as sound. "features": few labels and
all, beside MFCC and the features of both belief nets. "page": the report of 64 units of
400 clips.

Settings were chosen on fold 4, by the mean over the classes.
"""

from _rounds import measure  # first: it pins the threads

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lee_2009_few_labels import SETS, load_set
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline as sklearn_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ConvDBNFeatureLearner,
    DBNFeatureLearner,
    LocalFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    few_shot_curve,
    make_pipeline,
)
from skdeepmir.inspection import invert, optimal_stimulus, top_stimuli
from skdeepmir.inspection._layers import find_units
from skdeepmir.nets import Grid, LocallyConnected

SPECTRA = {"n_mels": 64, "n_fft": 1024, "amin": 1e-6, "truncated": "accept"}
TASKS = {
    "clip_classification_esc10": "",
    "instrument_family_solo": "solo ",
    "clip_classification_fsdd": None,  # all of it is speech
}
NET = {"layers": "all", "random_state": 0, "verbose": False}
MORE = "instrument_family_note", "folk_dance_genre"  # to learn from
SHAPES = {  # of layers: frames and bands, size, stride, maps below, maps
    "first, stride 2": ((64, 64), (8, 8), 2, 1, 8),
    "first, stride 3": ((64, 64), (9, 9), 3, 1, 8),
    "first, 128 bands": ((64, 128), (16, 16), 4, 1, 16),
    "second": ((27, 27), (8, 8), 2, 8, 16),
    "of the paper": ((200, 200), (18, 18), 4, 3, 8),
}
BATCH = 100
SHIFTS = np.linspace(0, 24, 9).astype(int)  # frames of 23 ms
BANDS = np.arange(0, 9, 2)  # mel bands


def layers():
    """Print how long layers take."""
    for name, shape in SHAPES.items():
        print(f"{name}: {shape}\n")
        measure(contenders(*shape), 15)


def contenders(extent, size, stride, below, maps):
    """Return ways to compute a layer, forward and backward."""
    layer = LocallyConnected(Grid.of(extent, size, stride), below, maps)
    n_times, n_bands = layer.grid.places
    n_places = n_times * n_bands
    x = torch.randn(*extent, below, BATCH, requires_grad=True)
    up = torch.randn(n_times, n_bands, maps, BATCH)
    flat_up = up.reshape(n_places, maps, BATCH)
    image = x.detach().permute(3, 2, 0, 1).contiguous().requires_grad_()
    # (places, values, batch) and (places, maps, values)
    windows = torch.nn.functional.unfold(image.detach(), size, stride=stride)
    laid_out = windows.permute(2, 1, 0).contiguous()
    weight = torch.randn(n_places, maps, laid_out.shape[1], requires_grad=True)

    def ours():
        layer(x).backward(up)

    def bare():
        with torch.no_grad():
            torch.bmm(weight, laid_out)
            torch.bmm(flat_up, laid_out.transpose(1, 2))
            torch.bmm(weight.transpose(1, 2), flat_up)

    def unfold():
        seen = torch.nn.functional.unfold(image, size, stride=stride)
        torch.bmm(weight, seen.permute(2, 1, 0)).backward(flat_up)

    return {"bare products": bare, "ours": ours, "unfold": unfold}


def load(table, out):
    """Return frames, classes, folds and paths of the three sets."""
    rows = pd.read_csv(table)
    rows = rows[rows["task"].isin(TASKS)].reset_index(drop=True)
    prefix = rows["task"].map(TASKS)
    classes = np.where(prefix.isna(), "speech", prefix.fillna("") + rows["label"])
    paths = [Path(table).parent / path for path in rows["path"]]
    extractor = SpectrogramExtractor(**SPECTRA, cache_dir=out / "features")
    extractor.set_params(verbose=False)
    return extractor, extractor.fit_transform(paths), classes, rows, paths


def learner_of(frames, rows, out, test_fold=5, **changes):
    """Return a learner of all folds but one."""
    options = {**NET, "checkpoint_dir": out / f"learner_{test_fold}"}
    given = LocalFeatureLearner(**options | changes)
    known = np.flatnonzero(rows["fold"] != test_fold)
    return given.fit([frames[i] for i in known])


def tell_apart(answers, is_class, train, test):
    """Return balanced accuracy on test clips, and the unit, chosen on training ones."""
    known, y = answers[train], is_class[train]
    order = np.argsort(known, axis=0)
    hits = y[order]
    above = np.cumsum(hits[::-1], axis=0)[::-1] / y.sum()
    false = np.cumsum(~hits[::-1], axis=0)[::-1] / (~y).sum()
    gain = above - false  # of calling all from the k-th on this class
    unit = int(gain.max(axis=0).argmax())
    threshold = known[order[gain[:, unit].argmax(), unit], unit]
    found = answers[test, unit] >= threshold
    y = is_class[test]
    return 0.5 * (found[y].mean() + (~found[~y]).mean()), unit


def summarised(features):
    """Return the largest answers to each clip, and the mean ones beside them."""
    parts = [np.r_[clip.max(axis=0), clip.mean(axis=0)] for clip in features]
    return np.stack(parts)


def all_answers(frames, rows, out, fold):
    """Return the answers of all kinds of units to each clip, tested on a fold."""
    learner = learner_of(frames, rows, out, fold)
    random = learner_of(frames, rows, out, fold, max_epochs=0, checkpoint_dir=None)
    patches = [learner._patches(learner._scaling().apply(clip)) for clip in frames]
    flat = [p.reshape(len(p), -1) for p in patches]
    rng = np.random.RandomState(0)
    n_units, length = len(learner.feature_names_), learner.patch_length_
    drawn = []  # patches from anywhere, several for each centroid
    for i in np.flatnonzero(rows["fold"] != fold):
        clip = learner._scaling().apply(frames[i])
        clip = np.pad(clip, ((0, max(0, length - len(clip))), (0, 0)))
        last = len(clip) - length
        for first in rng.randint(0, last + 1, size=1 + len(clip) // 8):
            drawn.append(clip[first : first + length].ravel())
    means = MiniBatchKMeans(
        n_units, init="random", n_init=1, batch_size=4096, max_iter=5, random_state=0
    )
    means.fit(np.array(drawn))
    return {
        "learned": summarised(learner.transform(frames)),
        "random filters": summarised(random.transform(frames)),
        "k-means": summarised([-means.transform(p) for p in flat]),
        "mel bands": summarised(frames),
    }


def units(table, out):
    """Print how well the best unit tells each class from all others."""
    _, frames, classes, rows, _ = load(table, out)
    names, folds = np.unique(classes), range(1, 6)
    scores = []
    for fold in folds:
        answers = all_answers(frames, rows, out, fold)
        kinds = list(answers)
        is_test = (rows["fold"] == fold).to_numpy()
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        scores.append(
            [
                [tell_apart(answers[k], classes == n, train, test)[0] for k in kinds]
                for n in names
            ]
        )
        print(f"fold {fold}: {np.mean(scores[-1], axis=0).round(3)}", flush=True)
    print("| class | " + " | ".join(kinds) + " | best |\n" + "| --- " * 6 + "|")
    means = np.mean(scores, axis=0)  # (classes, kinds)
    for name, row in zip(names, means, strict=True):
        shown = " | ".join(f"{s:.3f}" for s in row)
        print(f"| {name} | {shown} | {kinds[int(row.argmax())]} |")
    print("| mean | " + " | ".join(f"{s:.3f}" for s in means.mean(axis=0)) + " | |")
    won = (means[:, :1] > means[:, 1:]).all(axis=1).sum()
    print(f"\nThe learned unit is above all three others for {won} of {len(names)}.")


def largest(features):
    return np.stack([clip.max(axis=0) for clip in features])


def best_units(answers, classes, rows):
    """Return for each class the best unit, chosen on training folds, and its score."""
    train = np.flatnonzero(rows["fold"] != 5)
    found = {}
    for name in np.unique(classes):
        score, unit = tell_apart(answers, classes == name, train, train)
        found[name] = unit, score
    return found


def layers_of(learner):
    """Return the layer and the number in it of each feature."""
    return [
        (k, i)
        for k, shape in enumerate(learner.unit_shapes_)
        for i in range(int(np.prod(shape)))
    ]


def invariance(table, out):
    """Print what shifts leave of the answers of the best units of each layer."""
    _, frames, classes, rows, _ = load(table, out)
    learner = learner_of(frames, rows, out)
    answers = largest(learner.transform(frames))
    places = np.array([k for k, _ in layers_of(learner)])
    scaling, length = learner._scaling(), learner.patch_length_
    curves = {}
    for k in range(len(learner.unit_shapes_)):
        own = np.flatnonzero(places == k)
        best = best_units(answers[:, own], classes, rows)
        time_curve, pitch_curve = [], []
        for unit, _ in best.values():
            column = own[unit]
            top = np.argsort(-answers[:, column])[:10]
            for i in top:
                clip = scaling.apply(frames[i])
                room = length + int(SHIFTS[-1])
                clip = np.pad(clip, ((0, max(0, room - len(clip))), (0, 0)))
                firsts = np.arange(0, len(clip) - room + 1, 4)
                starts = np.stack([clip[f : f + length] for f in firsts])
                first = firsts[model_units(learner, starts, column).argmax()]
                moved = np.stack([clip[first + s : first + s + length] for s in SHIFTS])
                here = clip[first : first + length]
                shifted = np.stack([np.roll(here, b, axis=1) for b in BANDS])
                for part, b in zip(shifted, BANDS, strict=True):
                    part[:, :b] = here[:, :1]
                for curve, parts in ((time_curve, moved), (pitch_curve, shifted)):
                    found = model_units(learner, parts, column)
                    curve.append(found / found[0])
        curves[k] = np.median(time_curve, axis=0), np.median(pitch_curve, axis=0)
    for place, (what, at) in enumerate(
        (("ms", SHIFTS * 512 / 22.05), ("bands", BANDS))
    ):
        print(f"\n| shift, {what} | " + " | ".join(f"{a:.0f}" for a in at) + " |")
        print("| --- " * (1 + len(at)) + "|")
        for k, found in curves.items():
            shown = " | ".join(f"{v:.2f}" for v in found[place])
            print(f"| layer {k} | {shown} |")


def model_units(learner, patches, column):
    layers = tuple(range(len(learner.unit_shapes_)))
    return learner._model().units(patches.astype(np.float32), layers)[:, column]


def optimal(table, out):
    """Print answers to optimal stimuli, and write those of five units as sound."""
    import soundfile

    extractor, frames, classes, rows, _ = load(table, out)
    learner = learner_of(frames, rows, out)
    train = np.flatnonzero(rows["fold"] != 5)
    known = [frames[i] for i in train]
    answers = largest(learner.transform(frames))
    best = best_units(answers, classes, rows)
    ranked = sorted(best, key=lambda name: -best[name][1])[:5]
    places, layers = layers_of(learner), find_units(learner).layers
    print("| class | unit | a training clip | its norm | optimal | ratio |")
    print("| --- " * 6 + "|")
    for name in ranked:
        column, _ = best[name]
        k, number = places[column]
        top = top_stimuli(learner, known, number, n=1, layer=k, verbose=False)
        excerpt = (top.excerpts[0] - learner.mean_) / learner.scale_
        norm = float(np.linalg.norm(excerpt[:, slice(*layers[k].bands[number])]))
        found = optimal_stimulus(
            learner, number, layer=k, norm=norm, random_state=0, max_iter=500
        )
        print(
            f"| {name} | {learner.feature_names_[column]} | {top.answers[0]:.2f} | "
            f"{norm:.1f} | {found.answer:.2f} | {found.answer / top.answers[0]:.2f} |",
            flush=True,
        )
        for smooth in (0, 2):
            found = optimal_stimulus(
                learner, number, layer=k, norm=norm, smooth=smooth, random_state=0
            )
            sound = invert(found.frames, extractor)
            path = out / f"optimal_{name.replace(' ', '_')}_{smooth}.wav"
            soundfile.write(path, sound.samples, int(sound.sample_rate))


def features(table, out):
    """Print accuracies with few labels and with all, of sets that nothing learned from.

    Learners see the recordings of the other sets, and of single notes and dances.
    """
    given = MultiTimescalePooler(("mean", "std", "max"))
    learned = MultiTimescalePooler(("mean", "max"))
    rows = pd.read_csv(table)
    extractor = SpectrogramExtractor(**SPECTRA, cache_dir=out / "features")
    mfcc = SpectrogramExtractor(
        "mfcc", n_fft=1024, amin=1e-6, truncated="accept", cache_dir=out / "features"
    )
    options = {"random_state": 0, "verbose": False}
    learners = {
        "DBN": DBNFeatureLearner((300,), finetune_epochs=0, **options),
        "conv. DBN": ConvDBNFeatureLearner(300, max_epochs=4, **options),
        "local filters": LocalFeatureLearner(**NET),
    }
    known = {}
    for name in SETS:
        data, y, groups = load_set(table, name)
        task = SETS[name]
        if task not in known:
            others = rows["task"].isin({*SETS.values(), *MORE} - {task})
            paths = [Path(table).parent / path for path in rows["path"][others]]
            frames = extractor.fit_transform(paths)
            known[task] = {n: clone(e).fit(frames) for n, e in learners.items()}
        spectra = extractor.transform(list(data))
        parts = {"MFCC": given.fit_transform(mfcc.fit_transform(list(data)))}
        parts["spectra"] = given.fit_transform(spectra)
        for n, learner in known[task].items():
            parts[n] = learned.fit_transform(learner.transform(spectra))
        ends = np.cumsum([part.shape[1] for part in parts.values()])
        pipelines = {
            n: sklearn_pipeline(
                make_column_transformer(("passthrough", slice(end - p.shape[1], end))),
                StandardScaler(),
                LogisticRegression(C=0.1, max_iter=1000),
            )
            for (n, p), end in zip(parts.items(), ends, strict=True)
        }
        X = np.hstack(list(parts.values()))
        curve = few_shot_curve(
            pipelines,
            X,
            y,
            groups=groups,
            shots=(1, 2, 5),
            n_draws=20,
            random_state=0,
            verbose=False,
        )
        print(f"\n{name}\n\n{curve}\n", flush=True)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        for n, pipeline in pipelines.items():
            scores = cross_val_score(pipeline, X, y, groups=groups, cv=folds)
            print(f"all labels, {n}: {scores.mean():.3f}", flush=True)


def page(table, out):
    """Print time and size of the report."""
    from skdeepmir.inspection import inspection_report

    extractor, frames, classes, rows, paths = load(table, out)
    learner = learner_of(frames, rows, out)
    chosen = np.flatnonzero(rows["task"] == "clip_classification_esc10")[:400]
    pipeline = make_pipeline(extractor, learner)
    start = time.perf_counter()
    path = out / "units.html"
    inspection_report(
        pipeline,
        [paths[i] for i in chosen],
        path,
        classes[chosen],
        verbose=False,
    )
    took, size = time.perf_counter() - start, path.stat().st_size / 1e6
    print(f"64 units of {len(chosen)} clips: {took:.1f} s, {size:.1f} MB")


def main():
    what, *rest = sys.argv[1:]
    if what == "layer":
        layers()
        return
    table, out = rest[0], Path(rest[1])
    out.mkdir(parents=True, exist_ok=True)
    parts = {
        "units": units,
        "invariance": invariance,
        "optimal": optimal,
        "features": features,
        "page": page,
    }
    parts[what](table, out)


if __name__ == "__main__":
    main()
