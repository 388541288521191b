"""Tables that shift, hide or swallow cells are refused with the line."""

import warnings

import numpy as np
import pytest
from collection_files import manifest, write

from skdeepmir.datasets import (
    load_billboard,
    load_gtzan,
    load_magnatagatune,
    load_manifest,
    load_mtg_jamendo,
    load_rwc_popular,
)

NFC, NFD = "M\u00fasica", "Mu\u0301sica"


@pytest.mark.parametrize(
    "text, facts",
    [
        ("path,label\na.wav,x\nAdieu, a.wav,x\n", "line 3 has 3 cells.*expected 2"),
        ("path,label\na.wav\n", "line 2 has 1 cell,.*expected 2"),
        ("path,label\na.wav,x,y\n", "line 2 has 3 cells"),
        ("\npath,label\n\na.wav,x\n  \nb.wav\n", "line 6 has 1 cell,"),
        ("path,label,,\na.wav,x,,\na, b.wav,x,\n", "line 3 has 4 cells.*expected 2"),
        ("path,label,label\na.wav,x,y\n", "line 1 names 2 columns 'label'"),
        ("path,label, label \na.wav,x,y\n", "line 1 names 2 columns 'label'"),
        (f"path,label,{NFC},{NFD}\na.wav,x,y,z\n", "line 1 names 2 columns"),
        (
            'path,label\na.wav,x\n"b.wav,y\nc.wav,z\n',
            "line 3 .* quote .*not closed",
        ),
        (
            'path,label\na.wav,"x\nb.wav,y\nc.wav,"z"\n',
            "line 2 .* quote .*not closed",
        ),
        ('path,label\na.wav,x\nb.wav,"y', "line 3 .* quote .*not closed"),
        ('path,label\n"a"b.wav,x\n', "line 2 .* quote .*not closed"),
        ('path,"label\na.wav,x\n', "line 1 .* quote .*not closed"),
        ("path;label\na.wav;x\n", "no column 'path'.*semicolons"),
        ("path\tlabel\na.wav\tx\n", "no column 'path'.*tabs"),
        ("path;label\na,b.wav;x\n", "no column 'path'.*semicolons"),
        ("path,label\na.wav,x\n ,y\n", "line 3 gives no path"),
        ("path,label\na.wav,x\nb.wav,  \n", "line 3 gives no label for 'b.wav'"),
        ("path,label\na.wav,x\n./b.wav,y\nb.wav,z\n", "'b.wav' more.*lines 3 and 4"),
        ("path,label\na.wav,x|y\nb.wav,x|\n", r"line 3 has the label 'x\|'"),
        ("path,label\na.wav,x\nb.wav,x| |y\n", r"line 3 has the label"),
        ("path,label\na.wav,|\n", r"line 2 has the label"),
        ('path,label,group\na.wav, "x", "g"\n', "line 2 has a space"),
        ('path,label\na.wav, "x, y"\n', "line 2 has a space"),
        (f"path,label\na.wav,{'x' * 140_000}\n", "line 2 has a cell of more than 131"),
        ("path,label,group\na.wav,x\n", "line 2 has 2 cells.* gives no group"),
        ("Path,Label\na.wav,x\n", "no column 'path'.*'Path'.*case matters"),
        ("path,label\n", "no rows"),
        ("sep=;\npath;label\na.wav;x\nb.wav\n", "line 4 has 1 cell,"),
        ('path,label\na.wav,"x\ny"\n', "line 2 .* cell of 'label' has a line break"),
        ('path,note,label\na.wav,"n,x\nb.wav,n",y\n', "line 2 .* cell of 'note' has"),
        ('path,label,note\na.wav,x,"n\n\nb.wav,y,n"\n', "line 2 .* cell of 'note'"),
        ("", "is empty"),
        ("\n \n", "is empty"),
    ],
)
def test_bad_manifests_are_named_with_the_line(tmp_path, text, facts):
    with pytest.raises(ValueError, match=f"labels.csv'.*{facts}"):
        load_manifest(manifest(tmp_path, text))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_manifest_in_another_encoding_is_named_with_the_line(tmp_path, encoding):
    path = manifest(tmp_path, f"path,label\na.wav,x\nb.wav,{NFC}\n", encoding)
    line = 3 if encoding == "latin-1" else 1
    with pytest.raises(ValueError, match=rf"labels.csv', line {line} .*UTF-8"):
        load_manifest(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_manifest_of_a_spreadsheet_is_read(tmp_path, end):
    lines = ["\ufeffpath, label ,,", '"Adieu, a.wav",x,,', "", '"7"" mix.wav", y ,,']
    bunch = load_manifest(manifest(tmp_path, end.join([*lines, ""])))
    names = ["Adieu, a.wav", '7" mix.wav']
    assert list(bunch.data) == [str(tmp_path / name) for name in names]
    assert bunch.target_names[bunch.target].tolist() == ["x", "y"]


def test_blank_rows_and_cells_of_a_spreadsheet_are_passed_over(tmp_path):
    text = 'sep=;\r\n;;\r\npath;label;;\r\n;\r\na.wav;x\r\n"b;c.wav";y;;; \r\n;;;;\r\n'
    bunch = load_manifest(manifest(tmp_path, text))
    assert list(bunch.data) == [str(tmp_path / "a.wav"), str(tmp_path / "b;c.wav")]
    assert bunch.target_names[bunch.target].tolist() == ["x", "y"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cells_that_are_not_read_may_have_line_breaks(tmp_path, end):
    lines = ['path,label,"remark', '(free)"', 'a.wav,x,"One, two', "", 'and, three"']
    bunch = load_manifest(manifest(tmp_path, end.join([*lines, "b.wav,y,", ""])))
    assert bunch.target_names[bunch.target].tolist() == ["x", "y"]
    path = manifest(tmp_path, end.join([*lines, "b.wav,y,z,z"]))
    with pytest.raises(ValueError, match="line 6 has 4 cells"):
        load_manifest(path)


def test_a_group_may_have_quotes_of_its_own(tmp_path):
    path = manifest(tmp_path, 'path,label,group\na.wav,x,"""Heroes"""\n')
    assert load_manifest(path).groups.tolist() == ['"Heroes"']


def test_labels_tags_groups_and_folds_are_in_one_spelling(tmp_path):
    text = f"path,label,group,task\na.wav,{NFC},Abba,{NFC}\nb.wav, {NFD} ,Abba ,{NFD}\n"
    bunch = load_manifest(manifest(tmp_path, text))
    assert bunch.target_names.tolist() == [NFC] and bunch.target.tolist() == [0, 0]
    assert bunch.groups.tolist() == ["Abba", "Abba"]
    assert len(load_manifest(tmp_path / "labels.csv", where={"task": NFD}).data) == 2
    path = manifest(tmp_path, f"path,label\na.wav,piano | {NFC}\nb.wav,{NFD} |drums\n")
    bunch = load_manifest(path)
    assert bunch.target_names.tolist() == [NFC, "drums", "piano"]
    np.testing.assert_array_equal(bunch.target, [[1, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize("column", ["group", "fold"])
@pytest.mark.parametrize("empty", ["", "  ", "nan", "None", "NA", "n/a"])
def test_an_empty_cell_does_not_switch_groups_off(tmp_path, column, empty):
    lines = [f"path,task,label,{column}", "a.wav,x,rock,1", f"b.wav,x,rock,{empty}"]
    lines += ["", f"c.wav,x,jazz,{empty}", "d.wav,y,rock,1"]
    path = manifest(tmp_path, "\n".join(lines))
    with pytest.raises(ValueError) as caught:
        load_manifest(path)
    message = str(caught.value)
    if empty.strip():
        assert f"line 3 has the {column} {empty!r} for 'b.wav'" in message
        assert "counts as missing" in message
    else:
        assert f"line 3 gives no {column} for 'b.wav'" in message
    assert "2 of 4 rows give none (lines 3, 5)" in message
    bunch = load_manifest(path, where={"task": "y"})
    assert bunch[f"{column}s"].tolist() == ["1"]
    path = manifest(tmp_path, f"path,label,{column}\na.wav,rock,\nb.wav,rock, \n")
    assert load_manifest(path)[f"{column}s"] is None


@pytest.mark.parametrize(
    "name", ["groups", "Group", "GROUPS", "artist", "Album", "group_id"]
)
def test_a_column_that_is_nearly_called_group_is_told(tmp_path, name):
    path = manifest(tmp_path, f"path,label,{name}\na.wav,x,1\n")
    with pytest.warns(UserWarning, match=f"column '{name}'"):
        assert load_manifest(path).groups is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_manifest(manifest(tmp_path, "path,label,grouping\na.wav,x,1\n"))


# Published collections ----------------------------------------------------------------


def jamendo(folder, row, header="TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"):
    good = "track_{0}\tartist_{0}\talbum_1\t14/{0}.mp3\t9.5\tgenre---rock"
    for n, part in enumerate(["train", "validation", "test"]):
        write(folder, f"audio/14/{n}.mp3")
        rows = [header, good.format(n), *([row] if part == "test" else [])]
        name = f"data/splits/split-0/autotagging_top50tags-{part}.tsv"
        write(folder, name, text="\n".join(rows))


@pytest.mark.parametrize(
    "row, facts",
    [
        ("track_9\t\talbum_1\t14/0.mp3\t9.5\trock", "line 3 has the ARTIST_ID ''"),
        (
            "track_9\tnan\talbum_1\t14/0.mp3\t9.5\trock",
            "line 3 has the ARTIST_ID 'nan'",
        ),
        (" \tartist_9\talbum_1\t14/0.mp3\t9.5\trock", "line 3 has the TRACK_ID ''"),
        ("track_9\tartist_9\talbum_1\t\t9.5\trock", "line 3 has the PATH ''"),
        ("track_9\tartist_9\ta\t14/0.mp3\t9.5\trock\t ", "'track_9' in line 3"),
        (
            'track_9\t"artist_9\ta\t14/0.mp3\t9.5\trock',
            "line 3 .* quote .*not closed",
        ),
    ],
)
def test_bad_rows_of_jamendo_are_named(tmp_path, row, facts):
    jamendo(tmp_path, row)
    with pytest.raises(ValueError, match=f"-test.tsv'.*{facts}"):
        load_mtg_jamendo(tmp_path)


def magnatagatune(folder, clips, annotations=None):
    tags = ["clip_id\tguitar\tmp3_path"]
    tags += [f"{n}\t{n % 2}\t0/{n}.mp3" for n in range(3)]
    write(folder, "0/0.mp3", "0/1.mp3", "0/2.mp3")
    text = "\n".join(annotations or tags)
    write(folder, "annotations_final.csv", text=text)
    write(folder, "clip_info_final.csv", text="\n".join(clips))


CLIPS = ["clip_id\ttitle\tartist", "0\ta\tAnn", '1\tThe "b" side\t Ann ', "2\tc\tBob"]


def test_artists_of_magnatagatune_are_in_one_spelling_and_never_missing(tmp_path):
    magnatagatune(tmp_path, CLIPS)
    bunch = load_magnatagatune(tmp_path, setting="folders")
    assert bunch.groups.tolist() == ["Ann", "Ann", "Bob"]
    for artist in ("", " ", "nan"):
        magnatagatune(tmp_path, [*CLIPS[:3], f"2\tc\t{artist}"])
        with pytest.raises(ValueError, match="artist for 1 of 3 .*'2'"):
            load_magnatagatune(tmp_path, setting="folders")


@pytest.mark.parametrize(
    "clips, facts",
    [
        ([*CLIPS, "2\tc\tEve"], "line 5: the clip_id '2' .* line 4"),
        (
            [*CLIPS[:2], '1\t"b\tAnn', "2\tc\tBob", '3\td"\tBob'],
            "line 3 .* quote .*not closed",
        ),
        ([*CLIPS[:3], "2\tc\td\tBob"], "line 4 has 4 cells"),
        (["clip_id\tartist\tartist", "0\ta\tb"], "line 1 names 2 columns 'artist'"),
    ],
)
def test_bad_tables_of_magnatagatune_are_named(tmp_path, clips, facts):
    magnatagatune(tmp_path, clips)
    with pytest.raises(ValueError, match=f"clip_info_final.csv', {facts}"):
        load_magnatagatune(tmp_path, setting="folders")


@pytest.mark.parametrize(
    "index, facts",
    [
        ("3,Mind,James Brown\n0003,Mine,Jim", "line 3: the id '3' .* line 2"),
        ("3,I, Don't Mind,James Brown", "line 2 has 4 cells"),
        ('3,"Mind,James Brown\n4,x,y', "line 2 .* quote .*not closed"),
        ("3,Mind,nan", "title and artist for 3"),
        ("3, ,James Brown", "title and artist for 3"),
    ],
)
def test_bad_rows_of_billboard_are_named(tmp_path, index, facts):
    write(tmp_path, "0003/full.lab", "0003/audio.wav")
    write(tmp_path, "billboard-2.0-index.csv", text=f"id,title,artist\n{index}\n")
    with pytest.raises(ValueError, match=f"billboard-2.0-index.csv'.*{facts}"):
        load_billboard(tmp_path)


@pytest.mark.parametrize(
    "rows, facts",
    [
        (
            "No. 1,Eien,Kazuo\nNo. 01,Eien,Rin",
            "line 3: the piece '1' .* line 2",
        ),
        ("No. 1,Eien, ,Kazuo", "line 2 has 4 cells"),
        ("No. 1,Eien, ", "singer for piece 1"),
        ("No. 1,Eien,NaN", "singer for piece 1"),
    ],
)
def test_bad_rows_of_rwc_are_named(tmp_path, rows, facts):
    write(tmp_path, "N001-M01-T01.lab", "RM-P001.wav")
    write(tmp_path, "rwc-p.csv", text=f"Piece No.,Title,Artist (Vocal)\n{rows}\n")
    with pytest.raises(ValueError, match=f"rwc-p.csv'.*{facts}"):
        load_rwc_popular(tmp_path)


@pytest.mark.parametrize(
    "rows, facts",
    [
        ("0.0;1.0;N\n1.0;2.0\n", "line 3 has 2 cells"),
        ("0.0;1.0;N\n1.0;soon;C\n", "line 3 .*soon"),
        ("0.0;1.0;N\n;2.0;C\n", "line 3 "),
    ],
)
def test_bad_chords_of_rwc_are_named(tmp_path, rows, facts):
    write(tmp_path, "chords/RWC_P001.csv", text=f"t_start;t_end;chord\n{rows}")
    write(tmp_path, "RWC_P001.wav")
    with pytest.raises(ValueError, match=f"RWC_P001.csv'.*{facts}"):
        load_rwc_popular(tmp_path)


def test_lists_of_gtzan_may_begin_with_a_mark_and_must_be_text(tmp_path):
    for part, name in [("train", "0"), ("valid", "1"), ("test", "2")]:
        write(tmp_path, f"genres/blues/blues.0000{name}.wav")
        line = f"\ufeffblues/blues.0000{name}.wav\n"
        write(tmp_path, f"{part}_filtered.txt", text=line)
    assert len(load_gtzan(tmp_path).data) == 3
    (tmp_path / "valid_filtered.txt").write_bytes(b"blues/blues.00001.wav\n\xff\xfe\n")
    with pytest.raises(ValueError, match="valid_filtered.txt', line 2"):
        load_gtzan(tmp_path)
