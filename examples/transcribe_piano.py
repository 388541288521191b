"""
A piano recording to MIDI
=========================

Which keys were pressed, and when? A net learns it from pieces that are played on
synthesised pianos, then transcribes one that it has not heard, on another piano. We
look at hits, misses and false notes on a piano roll, and listen to what it heard.
``python transcribe_piano.py song.wav`` does so for a recording of yours, and leaves
three files in the working folder: MIDI, picture and sound.
"""

# %%
# Clips to learn from. Each group is one piano with a room of its own. Your own clips
# come from ``load_manifest("labels.csv", annotations="notes")``, a table with a
# recording and a file of notes (MIDI, or a table) in each line
# (:ref:`guide-transcription`).
import sys
import tempfile
import warnings
from pathlib import Path

from IPython.display import Audio
from sklearn.exceptions import ConvergenceWarning

from skdeepmir import PianoTranscriber, make_piano_pipeline
from skdeepmir.datasets import make_piano_clips
from skdeepmir.metrics import transcription_report
from skdeepmir.plotting import RollDisplay
from skdeepmir.sonification import sonify_notes

clips = make_piano_clips(n_clips=20, duration=(5.0, 6.0), random_state=0)
print(clips.target[0][:4])

# %%
# A constant-Q transform goes in, three bands to the semitone. For each key the net
# tells in each frame whether it begins, sounds and ends. Not two minutes of music,
# ten epochs and a third of the maps show that everything works; half an hour of music
# and the maps that are the default make a transcriber.
warnings.simplefilter("ignore", ConvergenceWarning)  # it would learn on
net = PianoTranscriber(
    "conv_rnn", channels=16, max_epochs=10, random_state=0, verbose=False
)
transcriber = make_piano_pipeline(net, verbose=False)
transcriber.fit(clips.data, clips.target)

# %%
# New pieces on other pianos. Misses are orange frames with strokes across, false notes
# red ones with crosses.
new = make_piano_clips(n_clips=4, duration=(7.0, 8.0), random_state=1)
given = sys.argv[1:]  # a recording of yours
song, truth = (given[0], None) if given else (new.data[0], new.target[0])
display = RollDisplay.from_estimator(transcriber, song, truth)

# %%
# The recording on the left, and on the right what was transcribed, played by the
# package's piano. An octave too much in a chord is hardly heard, a semitone is.
(found,) = transcriber.predict([song])
rate = None if given else new.sample_rate
sound = sonify_notes(song, found, sample_rate=rate)
Audio(sound.samples, rate=sound.sample_rate)

# %%
# Onsets within 50 ms count as hits. Offsets must be within 50 ms, or a fifth of the
# length of the note. Frames are right one by one.
report = transcription_report(new.target, transcriber.predict(new.data))
columns = ["n_reference", "precision", "recall", "f", "offset_f", "frame_accuracy"]
report[columns].round(3)

# %%
# As files: MIDI for any notation program or synthesiser, the picture, and the sound.
with tempfile.TemporaryDirectory() as temporary:
    folder, name = (Path(), Path(song).stem) if given else (Path(temporary), "song")
    transcriber.to_midi([song], [folder / f"{name}.mid"])
    display.figure_.savefig(folder / f"{name}.png", dpi=150)
    heard = folder / f"{name}.notes.flac"
    sonify_notes(song, found, sample_rate=rate, path=heard)
    print(*sorted(path.name for path in folder.glob(f"{name}.*")), sep="\n")
