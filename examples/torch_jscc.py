"""A PyTorch JSCC model as a chain: encoder and decoder modules, their power, pictures of any size.

python -m moclink.simulate --snr 0:20:5 --chains "examples/torch_jscc.py:make?channels=16,softcast@1/24"

Put your own encoder and decoder in the place of `demo_modules`, load their weights, and say in
`make` by which factor they shrink a picture. PyTorch is needed here alone.
"""

import numpy as np


class TorchJSCC:
    """Joins an encoder [B, 3, H, W] -> [B, C, H / stride, W / stride] and its decoder to moclink.

    Args:
        encoder, decoder: `torch.nn.Module`s in evaluation mode.
        stride: Sides are padded to multiples of this many pixels, and cut off after decoding.
        normalise: Whether the model was trained with the latent of each picture at unit power. If
            not, the latent is sent and handed back at the scale that it has; the channel's power is
            1 in either case, moclink sees to that.
        with_snr: Whether both take the SNR in dB as a second argument, a tensor [B, 1].
        device: Where the modules are.
    """

    def __init__(self, encoder, decoder, stride, normalise=True, with_snr=False, device="cpu"):
        self.encoder, self.decoder = encoder, decoder
        self.normalise = normalise
        self.multiple = stride
        self.adaptive = with_snr  # then moclink tells `encode` the channel's state, csi
        self.device = device

    def encode(self, images, csi=None):
        """Images float32 [B, H, W, 3] in [0, 1] -> reals [B, C, h, w] at the power of training."""
        height, width = images.shape[1:3]
        edges = ((0, 0), (0, -height % self.multiple), (0, -width % self.multiple), (0, 0))
        padded = np.pad(images, edges, "edge").transpose(0, 3, 1, 2)
        snr_db = [] if csi is None else [np.full((len(images), 1), csi.snr_db, np.float32)]
        latent = self.run(self.encoder, padded, *snr_db)
        if not self.normalise:
            return latent
        # As in training: k complex symbols have energy k, so each real has 1/2 (DeepJSCC, eq. 2).
        flat = latent.reshape(len(latent), -1)
        scale = np.sqrt(flat.shape[1] / 2) / np.maximum(np.linalg.norm(flat, axis=1), 1e-12)
        return latent * scale[:, None, None, None].astype(np.float32)

    def decode(self, received, height, width, snr_db):
        """Reals with noise, at the scale of `encode` -> images [B, height, width, 3]."""
        snr = [snr_db[:, None].astype(np.float32)] if self.adaptive else []
        images = self.run(self.decoder, received, *snr).transpose(0, 2, 3, 1)
        return np.clip(images[:, :height, :width], 0, 1)  # of a tanh decoder: (images + 1) / 2

    def run(self, module, *arrays):
        """NumPy in, NumPy out, without gradients."""
        import torch

        with torch.inference_mode():
            tensors = [torch.from_numpy(np.ascontiguousarray(a)).to(self.device) for a in arrays]
            return module(*tensors).float().cpu().numpy()


def demo_modules(channels):
    """A linear encoder and decoder, blocks of 8 pixels to their coarsest coefficients and back.

    They stand where your trained modules go, and give pictures without training.
    """
    import torch
    from torch import nn

    place = torch.arange(8.0)
    dct = torch.cos(torch.pi * place[:, None] * (2 * place + 1) / 16) / 2
    dct[0] /= 2**0.5
    u, v = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    order = torch.argsort((u + v).flatten(), stable=True)
    colours = torch.tensor([[0.577, 0.577, 0.577], [0.707, 0.0, -0.707], [0.408, -0.816, 0.408]])
    # Of three channels two are luma's: it has most of the energy.
    chosen = [(0, k) for k in range(64)] + [(c, k) for k in range(64) for c in (1, 2)]
    chosen = sorted(chosen, key=lambda ck: 2 * ck[1] + 6 if ck[0] else ck[1])[:channels]
    kernels = torch.stack(
        [
            colours[c][:, None, None]
            * torch.outer(dct[u.flatten()[order[k]]], dct[v.flatten()[order[k]]])
            for c, k in chosen
        ]
    )
    encoder = nn.Conv2d(3, channels, 8, stride=8, bias=False)
    decoder = nn.ConvTranspose2d(channels, 3, 8, stride=8, bias=False)
    encoder.weight.data = kernels
    decoder.weight.data = kernels.clone()
    return encoder.eval(), decoder.eval()


def make(channels=16, weights=""):
    """The factory that moclink calls; arguments stand behind the ?, as in make?channels=16.

    Args:
        channels: Reals of a block of 8 x 8 pixels; the CBR is channels / 384.
        weights: A file by `torch.save({"encoder": ..., "decoder": ...})` of state dicts.
    """
    import torch

    encoder, decoder = demo_modules(channels)
    if weights:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        encoder.load_state_dict(state["encoder"])
        decoder.load_state_dict(state["decoder"])
    # Modules that were trained at unit power, as DeepJSCC's, go without normalise=False.
    codec = TorchJSCC(encoder, decoder, stride=8, normalise=False)
    codec.cbr = channels / 384
    return codec
