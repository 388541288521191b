"""
A saved model, used elsewhere
=============================

A pickle is a program: whoever opens one runs it. So a model that is to leave your desk,
or that a stranger sends you, should not be one. :func:`~skdeepmir.save` writes numbers,
arrays and names into one file; :func:`~skdeepmir.load` runs nothing of it and refuses
what you did not ask for.
"""

# %%
# A pipeline from audio to classes, trained on synthesised instruments, or on a folder
# of yours. It has a step of our own: a plain function that makes all clips equally
# loud.
import json
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import soundfile
from IPython.display import Audio
from sklearn.preprocessing import FunctionTransformer

from skdeepmir import (
    DropoutMLPClassifier,
    ModelFileError,
    MultiTimescalePooler,
    SpectrogramExtractor,
    load,
    make_pipeline,
    save,
)
from skdeepmir.audio import read_audio
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
clips = load_audio_folder(FOLDER) if FOLDER else make_instrument_clips(random_state=0)


def without_level(frames):
    return [f - f.mean() for f in frames]


net = DropoutMLPClassifier((64,), max_epochs=40, random_state=0, verbose=False)
model = make_pipeline(
    SpectrogramExtractor("log_mel", n_mels=40, amin=1e-6, verbose=False),
    FunctionTransformer(without_level),
    MultiTimescalePooler(),
    net,
)
model.fit(clips.data, clips.target_names[clips.target])

# %%
# What is in the file? A ZIP archive of JSON and arrays, with a checksum. NumPy alone
# can read the weights, in twenty years too.
place = tempfile.TemporaryDirectory()
path = Path(place.name, "timbres.skdeepmir")
save(model, path)
for member in zipfile.ZipFile(path).infolist()[-4:]:
    print(f"{member.file_size:8d} bytes  {member.filename}")

# %%
# A step of our own stands there by its name only. So whoever loads the file must have
# that function, and say that it is meant. Without that, and for a pickle that somebody
# renamed, :func:`~skdeepmir.load` stops before anything runs:
bad = Path(place.name, "really_a_pickle.skdeepmir")
bad.write_bytes(pickle.dumps(clips.target))
for candidate in (path, bad):
    try:
        load(candidate)
    except ModelFileError as error:
        reason = str(error).partition("cannot be loaded. ")[2].split(";")[0]
        print(f"{candidate.name}:\n    {reason}")
again = load(path, trusted=[without_level])
print(
    "Same predictions:", (again.predict(clips.data) == model.predict(clips.data)).all()
)

# %%
# *Elsewhere* is another process, on another machine or in a year. What it needs is the
# file and the function, in a module that both sides have; here ``levels.py``. The file
# then names ``levels.without_level``, and the other side needs no line of the training
# code.
Path(place.name, "levels.py").write_text(
    "def without_level(frames):\n    return [f - f.mean() for f in frames]\n"
)
sys.path.insert(0, place.name)
model.set_params(functiontransformer__func=import_module("levels").without_level)
save(model, path)
song = Path(place.name, "song.wav")
sound, rate = clips.data[0], 22050
if FOLDER:
    sound, _ = read_audio(sound, sample_rate=rate)
soundfile.write(song, sound, rate)
program = """
import json
import skdeepmir
model = skdeepmir.load("timbres.skdeepmir", trusted=["levels.without_level"])
probabilities = model.predict_proba(["song.wav"])[0]
print(json.dumps(dict(zip(model.classes_.tolist(), probabilities.tolist()))))
"""
options = {"cwd": place.name, "capture_output": True, "text": True, "check": True}
heard = json.loads(subprocess.run([sys.executable, "-c", program], **options).stdout)
place.cleanup()
figure, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
ax.barh(list(heard), list(heard.values()))
ax.set(xlabel="probability, as the other process answers", xlim=(0, 1))
plt.show()

# %%
# Classes were saved as strings, so it answers in words. And this is what it heard:
Audio(sound, rate=rate)
