"""Exports a decoder alone: scikit-learn's digits as a quadratic function of whitened PCA scores.

Run it as ``python generator.py FOLDER``; needs skl2onnx.
"""

import sys
from pathlib import Path

from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures


def main(folder: Path) -> None:
    pixels = load_digits().data.astype("float32") / 16
    z = PCA(n_components=8, whiten=True, random_state=0).fit_transform(pixels)
    decoder = make_pipeline(PolynomialFeatures(2), Ridge()).fit(z, pixels)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decoder.onnx").write_bytes(to_onnx(decoder, z[:1]).SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
