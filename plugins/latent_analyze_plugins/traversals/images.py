"""What the reference's axes, paths and differences of classes look like decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Array, Result, Scalar
from latent_analyze_plugins.traversals.arithmetic import Arithmetic, add_difference
from latent_analyze_plugins.traversals.decoding import Decoder, image_array
from latent_analyze_plugins.traversals.lines import Lines, make_lines
from latent_analyze_plugins.traversals.paths import KINDS, Paths

if TYPE_CHECKING:
    from latent_analyze.plugin import Context
    from latent_analyze_plugins.traversals import TraversalsOptions
    from latent_analyze_plugins.traversals.cloud import Cloud

    Parts = tuple[dict[str, Scalar], dict[str, Array]]

SHOWN_PAIRS, SHOWN_STEP = 3, 2
"""Pairs whose paths are drawn as images, and every which step of them."""


def decode_all(cloud: Cloud, paths: Paths, context: Context, options: TraversalsOptions) -> Result:
    """Return scalars, images and notes of the reference."""
    decode, notes = Decoder(context), []
    lines = make_lines(context.reference, context, options, decode)
    parts = [_decode_paths(paths, options, decode), _decode_lines(lines, cloud, decode)]
    if cloud.labels is not None:
        moved = add_difference(cloud, options)
        if isinstance(moved, Arithmetic):
            parts.append(_decode_arithmetic(moved, cloud, decode))
        else:
            notes.append(moved)
    if decode.nonfinite:
        notes.append(
            f"{decode.nonfinite:,} of {decode.decoded:,} decoded images hold NaN or infinity, which"
            " were set to 0"
        )
    scalars = {name: value for part, _ in parts for name, value in part.items()}
    arrays = {name: value for _, part in parts for name, value in part.items()}
    return Result(scalars, arrays, notes=tuple(notes))


def _decode_paths(paths: Paths, options: TraversalsOptions, decode: Decoder) -> Parts:
    """Return the lengths of paths in images, and the images along some of them."""
    chosen = np.flatnonzero(paths.joined)[: options.decoded_pairs]
    kinds: tuple[str, ...] = KINDS
    if not len(chosen):
        chosen, kinds = np.arange(min(len(paths.pairs), options.decoded_pairs)), KINDS[:2]
    lengths = np.array([decode.lengths(paths, kind, chosen) for kind in kinds])
    shown = np.stack([paths.along(kind, chosen[:SHOWN_PAIRS]) for kind in kinds], axis=1)
    scalars = {
        f"decoded_{kind}": Scalar(
            float(values.mean()), "", f"mean length of {kind} paths in images (Euclidean)"
        )
        for kind, values in zip(kinds, lengths, strict=True)
    }
    for kind, values in zip(kinds[1:], lengths[1:], strict=True):
        both = (values > 0) & (lengths[0] > 0)
        if both.sum() > 1:
            logs = np.log(values[both] / lengths[0, both])
            scalars[f"{kind}_to_straight"] = Scalar(
                float(np.exp(logs.mean())), "",
                f"length in images of {kind} paths / of the straight one, geometric mean",
            )  # fmt: skip
            scalars[f"{kind}_to_straight_error"] = Scalar(
                float(np.exp(logs.mean()) * logs.std(ddof=1) / np.sqrt(len(logs))), "",
                "standard error of it over pairs",
            )  # fmt: skip
    images = decode(shown[:, :, ::SHOWN_STEP])
    return scalars, {
        "decoded_path": Array(np.array(kinds), ("decoded_path",), "", "kinds that are decoded"),
        "decoded_pair": Array(chosen, ("decoded_pair",), "", "which pairs are decoded"),
        "decoded_length": Array(lengths, ("decoded_path", "decoded_pair"), "", "in images"),
        "path_images": image_array(images, ("shown_pair", "decoded_path", "column"), "paths"),
    }


def _decode_lines(lines: Lines, cloud: Cloud, decode: Decoder) -> Parts:
    if not lines.names:
        return {}, {}
    scalars = {
        "most_changing": Scalar(
            lines.names[int(lines.changes.argmax())], "", "line that changes the image most"
        )
    }
    names = np.array(lines.names)
    return scalars, {
        "line": Array(names, ("line",), "", "axes from 0, principal components from 1"),
        "line_spread": Array(lines.spreads, ("line",), "latent units", "standard deviation"),
        "line_change": Array(
            lines.changes, ("line",), "",
            "root mean square over pixels between images at -1 and +1 standard deviation",
        ),
        "line_distance": Array(
            cloud.distance(lines.places), ("line", "line_column"), "",
            "distance from the data, relative to that of a typical z-point",
        ),
        "line_images": image_array(decode(lines.places), ("line", "line_column"), "lines"),
    }  # fmt: skip


def _decode_arithmetic(moved: Arithmetic, cloud: Cloud, decode: Decoder) -> Parts:
    to, of = moved.added, moved.subtracted
    scalars = {
        "added": Scalar(to, "", "class whose mean is added"),
        "subtracted": Scalar(of, "", "class whose mean is taken away"),
        "moved": Scalar(moved.moved, "z-points", "moved"),
        "hits": Scalar(moved.hits, "share", "of the moved, mostly among the added class"),
        "hits_control": Scalar(
            moved.control, "share", "of z-points of the added class, mostly among it"
        ),
    }
    return scalars, {
        "moved_distance": Array(
            cloud.distance(moved.places), ("moved_point", "column"), "",
            "distance from the data, relative to that of a typical z-point",
        ),
        "moved_images": image_array(
            decode(moved.places), ("moved_point", "column"), f"from {of} to {to}"
        ),
    }  # fmt: skip
