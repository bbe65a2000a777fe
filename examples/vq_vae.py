"""Trains a small VQ-VAE on the MNIST digits and exports it: the encoder gives codes.

    python examples/vq_vae.py mnist.npz -o vq
    latent-analyze encode vq mnist.npz -o codes.zarr
    latent-analyze run codes.zarr

Images of 28 x 28 pixels become 7 x 7 codes of a codebook of 64 (van den Oord, Vinyals &
Kavukcuoglu 2017). With ``--vectors`` the encoder gives the quantized vectors as well, and the
decoder takes these.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

COMMITMENT = 0.25
CODES, WIDTH = 64, 16


class VqVae(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.codebook = nn.Parameter(torch.zeros(CODES, WIDTH))
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, WIDTH, 1),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(WIDTH, 32, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1),
            nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def nearest(self, z: Tensor) -> Tensor:
        z = z.permute(0, 2, 3, 1)
        lengths = self.codebook.pow(2).sum(-1)
        return (z.pow(2).sum(-1, keepdim=True) - 2 * z @ self.codebook.t() + lengths).argmin(-1)

    def vectors(self, codes: Tensor) -> Tensor:
        return self.codebook[codes].permute(0, 3, 1, 2)

    def loss(self, x: Tensor, quantized: bool) -> Tensor:
        z = self.encoder(x)
        q = self.vectors(self.nearest(z)) if quantized else z
        decoded = self.decoder(z + (q - z).detach())
        apart = (q - z.detach()).pow(2).mean() + COMMITMENT * (z - q.detach()).pow(2).mean()
        # A squared error would vanish where all pixels are black first.
        return 10 * nn.functional.binary_cross_entropy(decoded, x) + apart

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Put the codes on vectors that the encoder gives, so that few of them are dead."""
        z = self.encoder(x).permute(0, 2, 3, 1).reshape(-1, WIDTH)
        self.codebook.copy_(z[torch.randperm(len(z))[:CODES]])


class Codes(nn.Module):
    """What is exported as the encoder, and the decoder of its codes."""

    def __init__(self, model: VqVae, role: str, vectors: bool) -> None:
        super().__init__()
        self.model, self.role, self.with_vectors = model, role, vectors

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.role == "decoder":
            return self.model.decoder(x if self.with_vectors else self.model.vectors(x))
        codes = self.model.nearest(self.model.encoder(x))
        return (self.model.vectors(codes), codes) if self.with_vectors else codes


def train(images: Tensor, epochs: int) -> VqVae:
    """Train the first epoch without the codebook, which then starts on what the encoder gives."""
    torch.manual_seed(0)
    model = VqVae()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for epoch in range(epochs):
        if epoch == 1:
            model.start(images[:256])
        for rows in torch.randperm(len(images)).split(128):
            optimizer.zero_grad()
            model.loss(images[rows], quantized=epoch > 0).backward()
            optimizer.step()
    return model.eval()


def export(model: VqVae, example: Tensor, folder: Path, vectors: bool) -> None:
    codes = model.nearest(model.encoder(example))
    z = model.vectors(codes).detach() if vectors else codes
    outputs = ["quantized", "indices"] if vectors else ["indices"]
    named = {"encoder": (example, "image", outputs), "decoder": (z, "z", ["image"])}
    folder.mkdir(parents=True, exist_ok=True)
    for role, (given, name, names) in named.items():
        torch.onnx.export(
            Codes(model, role, vectors), (given,), folder / f"{role}.onnx", dynamo=False,
            input_names=[name], output_names=names if role == "encoder" else ["decoded"],
            dynamic_axes={name: {0: "batch"}},
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="Keras' mnist.npz")
    parser.add_argument("--vectors", action="store_true", help="export the vectors as well")
    parser.add_argument("--images", type=int, default=20_000, help="images that it is trained on")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("vq"))
    arguments = parser.parse_args()
    rows = np.load(arguments.data)["x_train"][: arguments.images].astype(np.float32) / 255
    images = torch.from_numpy(rows)[:, None]
    model = train(images, arguments.epochs)
    export(model, images[:2], arguments.output, arguments.vectors)


if __name__ == "__main__":
    main()
