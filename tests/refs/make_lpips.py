"""Makes tests/refs/lpips.json: figures of the PyTorch implementations on seeded weights and pictures.

Run outside the project's environment, from the root of the repository:

    python -m venv /tmp/torch-refs
    /tmp/torch-refs/bin/pip install torch==2.13.0 torchvision==0.29.2 lpips==0.1.4 pillow
    /tmp/torch-refs/bin/pip install --no-deps stlpips-pytorch==0.0.2
    /tmp/torch-refs/bin/python tests/refs/make_lpips.py

Two imports of stlpips-pytorch that it never uses (IPython, torchsummary) are stood in for.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import lpips
import numpy as np
import torch
from PIL import Image

sys.modules["IPython"] = ModuleType("IPython")
sys.modules["IPython"].embed = None
sys.modules["torchsummary"] = ModuleType("torchsummary")
sys.modules["torchsummary"].summary = None

from stlpips_pytorch import stlpips  # noqa: E402

HERE = Path(__file__).parent
SIZES = {
    "alex": [(64, 64), (97, 131)],
    "squeeze": [(64, 64), (97, 131), (65, 66), (67, 68)],
    "vgg": [(48, 75)],
}
ST_SIZES = {"alex": [(64, 64), (97, 131), (98, 133)], "vgg": [(48, 75)]}


def pair(height, width):
    """The same two pictures as in tests/perceptual/test_lpips.py."""
    picture = np.asarray(Image.open(HERE.parents[1] / "moclink/samples/lake.png").convert("RGB"))
    crop = picture[40 : 40 + height, 60 : 60 + width] / 255
    noise = np.random.default_rng(height * 1000 + width).normal(0, 0.1, crop.shape)
    return crop.astype(np.float32), np.clip(crop + noise, 0, 1).astype(np.float32)


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None] * 2 - 1


def seeded(model):
    """He-normal kernels and small biases, drawn in the order in which the convolutions run."""
    rng = np.random.default_rng(7)
    for module in model.net.modules():
        if isinstance(module, torch.nn.Conv2d):
            out, into, k, _ = module.weight.shape
            kernel = rng.normal(0, np.sqrt(2 / (k * k * into)), (k, k, into, out)).astype(
                np.float32
            )
            bias = rng.normal(0, 0.1, out).astype(np.float32)
            module.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
            module.bias.data = torch.from_numpy(bias)
    return model


def main():
    figures = {"lpips": {}, "gradient": {}, "st_lpips": {}}
    for net, sizes in SIZES.items():
        model = seeded(lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval())
        for height, width in sizes:
            original, noisy = pair(height, width)
            image = tensor(noisy).requires_grad_()
            distance = model(image, tensor(original))
            distance.backward()
            key = f"{net} {height} {width}"
            figures["lpips"][key] = distance.item()
            # With respect to an image in [0, 1]: norm, and the element in the middle.
            gradient = 2 * image.grad[0].permute(1, 2, 0).numpy()
            middle = gradient[height // 2, width // 2].tolist()
            figures["gradient"][key] = [float(np.linalg.norm(gradient)), *middle]
    for net, sizes in ST_SIZES.items():
        model = stlpips.LPIPS(net=net, variant="shift_tolerant", verbose=False).eval()
        for height, width in sizes:
            original, noisy = pair(height, width)
            with torch.no_grad():
                figures["st_lpips"][f"{net} {height} {width}"] = model(
                    tensor(noisy), tensor(original)
                ).item()
    (HERE / "lpips.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
