"""What people and other programs write: recipes, presets, options, IPTC, Photoshop's resources. Never more than a
clear error."""

import contextlib
import json
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.capture.picture_headers import _iptc
from lichtbild.core.errors import LichtbildError, RecipeError
from lichtbild.core.recipe import Preset, Recipe, Shot, differences, layered
from lichtbild.output import Target, parse_target
from lichtbild.output.iptc import with_iptc
from lichtbild.output.xmp import xmp_packet
from lichtbild.pipelines.photo import STAGES
from lichtbild.pipelines.recipes import checked, faithful, migrated

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["lichtbild", "stages", "pipeline", "members", "reference", "engine", "rules", *STAGES]
) | st.text(max_size=6)
VALUES = st.dictionaries(
    st.sampled_from(sorted(STAGES)),
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=3), max_size=3), max_size=4,
)  # fmt: skip


@given(st.dictionaries(NAMES, PLAIN, max_size=5))
def test_any_document_is_a_recipe_or_refused(document):
    with contextlib.suppress(RecipeError):
        recipe = Recipe.from_json(json.dumps(document))
        again = Recipe.from_json(recipe.to_json())
        assert again.to_json() == recipe.to_json()
        made, _ = migrated(recipe)
        faithful(made)
    with contextlib.suppress(RecipeError):
        checked(Preset.from_document(document).of(Shot("Maker Phone", 100, "burst")))


@given(st.text(max_size=60))
def test_any_text_is_a_recipe_or_refused(text):
    with contextlib.suppress(RecipeError):
        Recipe.from_json(text)
    with contextlib.suppress(RecipeError, tomllib.TOMLDecodeError):
        Preset.from_document(tomllib.loads(text))


@given(st.lists(VALUES, max_size=4))
def test_layers_are_laid_one_on_another_from_left_to_right(layers):
    made = layered(layers)
    for stage, params in made.items():
        for name, value in params.items():
            last = [layer[stage][name] for layer in layers if name in layer.get(stage, {})][-1]
            assert value == last
    assert differences(made, layered([*layers, made])) == []
    assert layered([layered(layers[:2]), *layers[2:]]) == made


@given(
    st.text(alphabet="ab=,.0129-xjpgdnavifelosthqualiyk", max_size=40)
    | st.builds(
        "a.{},{}={}".format, st.sampled_from(["jpg", "avif", "dng", "tif"]), st.text(max_size=8), st.text(max_size=5)
    )
)
def test_any_target_is_one_or_refused(text):
    with contextlib.suppress(LichtbildError):
        target = parse_target(text)
        assert isinstance(target, Target)
        assert target.format


@settings(max_examples=60)
@given(st.binary(max_size=120), st.integers(0, 40))
def test_any_iptc_leaves_a_packet_that_can_be_read(data, cut):
    record = b"\x1c\x02\x19" + len(data).to_bytes(2, "big") + data + data[:cut]
    packet = xmp_packet(with_iptc(b"", record), {})
    assert packet.count(b"xpacket") == 2
    _iptc(b"8BIM\x04\x04" + data)
    _iptc(data)
