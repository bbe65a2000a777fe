"""Exports scikit-learn's PCA of its digits: the PCA is the encoder, its inverse the decoder.

Run it as ``python pca.py FOLDER``; needs skl2onnx.
"""

import sys
from pathlib import Path

from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression


def main(folder: Path) -> None:
    pixels = load_digits().data.astype("float32") / 16
    pca = PCA(n_components=16, random_state=0).fit(pixels)
    z = pca.transform(pixels)
    # skl2onnx has no converter of inverse_transform; least squares finds the same matrix.
    inverse = LinearRegression().fit(z, pixels)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part, rows in (("encoder", pca, pixels), ("decoder", inverse, z)):
        (folder / f"{name}.onnx").write_bytes(to_onnx(part, rows[:1]).SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
