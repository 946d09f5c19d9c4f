"""A drop-in replacement for Sionna's 5G LDPC decoder, with early stopping."""

from __future__ import annotations

from typing import Any

from sionna.phy import Block
from sionna.phy.fec.ldpc import LDPC5GEncoder, LDPCBPDecoder

from moclink.phy import engine, tensors
from moclink.phy.ldpc_graph import graph_5g, sparse_pcm
from moclink.phy.staged_decoder import StagedDecoder, place_tensor


class EarlyStoppingLDPC5GDecoder(Block):
    """`sionna.phy.fec.ldpc.LDPC5GDecoder` that stops when a codeword's parity checks are satisfied.

    Takes the same arguments and gives the same outputs; a codeword is decoded with at most
    `num_iter` iterations, in stages of two (one if `num_iter` is odd), and its hard decisions are
    those of the stage after which all checks were satisfied. Soft outputs and the returned state
    are also those of that stage, so they are less saturated than after all iterations.

    An LLR that is no number makes all of its codeword so, as in Sionna's decoder: soft outputs are
    NaN and bits are 0, which nothing reports. The other codewords are decoded as ever.

    Stages resume exactly only in the flooding schedule and without callbacks, which would see their
    iteration counter restart.

    Args:
        encoder: Sionna's `LDPC5GEncoder`.
        cn_update: Check node update, as in `LDPC5GDecoder`.
        vn_update: Variable node update, as in `LDPC5GDecoder`.
        cn_schedule: "flooding".
        hard_out: Whether bits are returned instead of logits.
        return_infobits: Whether the k information bits are returned instead of all n.
        num_iter: The most iterations spent on a codeword; 0 for none, which decides the LLRs
            received.
        llr_max: Clipping value of LLRs and messages.
        v2c_callbacks: None or empty.
        c2v_callbacks: None or empty.
        prune_pcm: Whether checks on punctured nodes of degree 1 are removed.
        return_state: Whether the decoder state is returned as a second output.
        precision: "single", "double" or None, Sionna's default.
        lanes: Codewords decoded side by side.
        **kwargs: Passed on to `sionna.phy.Block`.

    Input:
        llr_ch: [..., n], ln P(1)/P(0).
        num_iter: None, or an int or int32 scalar tensor, also a symbolic one, that overrides the
            one above.
        msg_v2c: None or a decoder state, [num_edges, batch]; on PyTorch [batch, num_edges].

    Output:
        [..., k] or [..., n], bits or logits; with `return_state` also the decoder state.

    Example:
        Decode at 6 dB, with at most 20 iterations and then with 5:

        >>> encoder = LDPC5GEncoder(324, 648, num_bits_per_symbol=2)
        >>> decoder = EarlyStoppingLDPC5GDecoder(encoder, num_iter=20)
        >>> bits = BinarySource()([1000, 324])
        >>> no = 10 ** (-6 / 10)
        >>> y = AWGN()(Mapper("qam", 2)(encoder(bits)), no)
        >>> llr = Demapper("app", "qam", 2)(y, no)
        >>> decoded = decoder(llr)                                     # float32 [1000, 324]
        >>> decoded = decoder(llr, num_iter=5)

    Raises:
        ValueError: If a schedule other than flooding or a callback is given, or num_iter is
            negative or no whole number.
    """

    def __init__(
        self,
        encoder: LDPC5GEncoder,
        cn_update="boxplus-phi",
        vn_update="sum",
        cn_schedule="flooding",
        hard_out: bool = True,
        return_infobits: bool = True,
        num_iter: int = 20,
        llr_max: float = 20.0,
        v2c_callbacks=None,
        c2v_callbacks=None,
        prune_pcm: bool = True,
        return_state: bool = False,
        precision: str | None = None,
        lanes: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(precision=precision, **kwargs)
        if not isinstance(encoder, LDPC5GEncoder):
            raise ValueError(f"encoder is {encoder!r}; one of Sionna's LDPC5GEncoder is wanted")
        if not (isinstance(cn_schedule, str) and cn_schedule == "flooding"):
            raise ValueError(
                f"cn_schedule is {cn_schedule!r}; only 'flooding' can be resumed exactly"
            )
        if v2c_callbacks or c2v_callbacks:
            raise ValueError(
                "callbacks were given; stages restart their iteration counter, so pass None"
            )
        self._encoder = encoder
        self._hard_out = hard_out
        self._return_infobits = return_infobits
        self._return_state = return_state
        self.num_iter = num_iter
        self._graph = graph_5g(encoder, prune=prune_pcm)
        self._decoder = LDPCBPDecoder(
            sparse_pcm(encoder, self._graph),
            cn_update=cn_update,
            vn_update=vn_update,
            hard_out=False,
            num_iter=num_iter,
            llr_max=llr_max,
            return_state=True,
            precision=precision,
        )
        self._staged = StagedDecoder(self._decoder, self._graph, lanes)

    @property
    def encoder(self) -> LDPC5GEncoder:
        """The encoder whose code is decoded."""
        return self._encoder

    @property
    def num_iter(self) -> int:
        """The most iterations spent on a codeword."""
        return self._num_iter

    @num_iter.setter
    def num_iter(self, num_iter: int) -> None:
        if isinstance(num_iter, bool) or not isinstance(num_iter, int) or num_iter < 0:
            raise ValueError(f"num_iter is {num_iter!r}; a whole number from 0 up is wanted")
        self._num_iter = num_iter

    @property
    def llr_max(self) -> Any:
        """Clipping value of LLRs and messages."""
        return self._decoder.llr_max

    @llr_max.setter
    def llr_max(self, value: float) -> None:
        self._decoder.llr_max = value

    @property
    def n(self) -> int:
        """Variable nodes, as of Sionna's decoder; `encoder.n` is the length of what is sent."""
        return self._decoder.n

    @property
    def coderate(self) -> float:
        """Code rate before rate matching, with independent checks, as of Sionna's decoder."""
        return self._decoder.coderate

    @property
    def pcm(self) -> Any:
        """Parity-check matrix that is decoded with, sparse [num_cns, num_vns]."""
        return self._decoder.pcm

    @property
    def num_cns(self) -> int:
        """Check nodes."""
        return self._decoder.num_cns

    @property
    def num_vns(self) -> int:
        """Variable nodes."""
        return self._decoder.num_vns

    @property
    def num_edges(self) -> int:
        """Edges of the graph: messages of an iteration in one direction."""
        return self._decoder.num_edges

    @property
    def return_state(self) -> bool:
        """Whether the decoder state is returned."""
        return self._return_state

    def build(self, input_shape, **kwargs) -> None:
        """Check the last dimension of the input.

        Raises:
            ValueError: If it is not n.
        """
        if input_shape[-1] != self._encoder.n:
            raise ValueError(
                f"the last dimension of llr_ch is {input_shape[-1]}; n = {self._encoder.n} is wanted"
            )

    def call(self, llr_ch, /, *, num_iter: Any = None, msg_v2c=None):
        """Decode; see the class."""
        leading = tensors.shape(llr_ch)[:-1]
        llr = place_tensor(
            self._graph, tensors.reshape(llr_ch, [-1, self._encoder.n]), self._decoder.llr_max
        )
        output = self._staged(
            llr,
            self._num_iter if num_iter is None else tensors.iteration_count(num_iter),
            messages=msg_v2c,
            return_messages=self._return_state,
        )
        if self._return_infobits:
            x_hat = output.logits[:, : self._encoder.k]
        else:
            x_hat = tensors.take(output.logits, tensors.tensor(self._graph.received), 1)
        if self._hard_out:
            x_hat = tensors.astype(x_hat >= 0, engine.real_dtype(self))
        x_hat = tensors.reshape(x_hat, tensors.joined(leading, x_hat.shape[-1]))
        return (x_hat, output.messages) if self._return_state else x_hat
