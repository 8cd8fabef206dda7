#!/usr/bin/env python3
"""Makes small models of the llama architecture from nothing: no weights are downloaded, and what they say is known.

    make_gguf.py chain OUT.gguf
        Greedy decoding walks a fixed sentence and ends. It begins at the sentence's first word, or goes on from the word that ends the
        prompt. `loop` at the end of the prompt walks 64 words around for ever; `emoji` gives one character out of four tokens.
    make_gguf.py random OUT.gguf --shape 135m
        Random weights with the size and the speed of a small real model.

Needs `pip install gguf numpy`. examples/inference/chain.gguf.gz was made with `chain`, then `gzip -9n`.
"""

import argparse
import itertools
import math

import numpy
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quants

SENTENCE = "the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip .".split()
LOOP = ["loop"] + [f"w{n:02d}" for n in range(63)]
SMILE = "🙂"
BLANK = "▁"  # how the tokenizer writes a space
UNKNOWN, BEGIN, END, FIRST_BYTE = 0, 1, 2, 3
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
# layers, width, feed forward, heads, key-value heads, vocabulary
SHAPES = {"135m": (30, 576, 1536, 9, 3, 49152), "15m": (6, 288, 768, 6, 6, 8192), "1m": (2, 128, 256, 4, 4, 2048)}


class Vocabulary:
    """Control tokens and the 256 bytes first, as SentencePiece has them."""

    def __init__(self):
        self.texts, self.kinds, self.scores = [], [], []
        self.add("<unk>", TokenType.UNKNOWN)
        self.add("<s>", TokenType.CONTROL)
        self.add("</s>", TokenType.CONTROL)
        for byte in range(256):
            self.add(f"<0x{byte:02X}>", TokenType.BYTE)

    def add(self, text, kind=TokenType.NORMAL, score=0.0):
        self.texts.append(text.encode())
        self.kinds.append(int(kind))
        self.scores.append(float(score))
        return len(self.texts) - 1


def describe(writer, vocabulary, name, ctx, layers, width, inner, heads, kv_heads):
    writer.add_name(name)
    writer.add_context_length(ctx)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(vocabulary.texts))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary.texts)
    writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.kinds)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(TEMPLATE)


def chain_vocabulary():
    """The words, and every piece that the tokenizer's pairwise merges go through on the way to one."""
    vocabulary = Vocabulary()
    words = list(dict.fromkeys([*SENTENCE, *LOOP, "emoji"]))
    pieces = {BLANK}
    for word in words:
        spaced = BLANK + word
        for length in range(1, len(spaced)):
            pieces.update((spaced[:length], spaced[length]))
    for piece in sorted(pieces - {BLANK + word for word in words}):
        vocabulary.add(piece, score=len(piece) - 100)
    return vocabulary, {word: vocabulary.add(BLANK + word, score=len(word) - 10) for word in words}


def successors(size, ids):
    """What follows each token."""
    following = numpy.full(size, ids[SENTENCE[0]])
    walks = [
        [*(ids[word] for word in SENTENCE), END],
        [*(ids[word] for word in LOOP), ids[LOOP[0]]],
        [ids["emoji"], *(FIRST_BYTE + byte for byte in SMILE.encode()), ids["."]],
    ]
    for walk in walks:
        for token, after in itertools.pairwise(walk):
            following[token] = after
    return following


def chain(out, ctx):
    """One layer that does nothing between an embedding that tells the last token and an output that knows what follows it."""
    vocabulary, ids = chain_vocabulary()
    size = len(vocabulary.texts)
    width, inner, heads = math.ceil((size + 1) / 64) * 64, 64, 4
    writer = GGUFWriter(out, "llama")
    describe(writer, vocabulary, "chain-tiny", ctx, 1, width, inner, heads, heads)
    writer.add_file_type(0)
    every = numpy.arange(size)
    embedding = numpy.zeros((size, width), numpy.float32)
    embedding[every, every] = 1
    output = numpy.zeros((size, width), numpy.float32)
    output[successors(size, ids), every] = 1
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    ones = numpy.ones(width, numpy.float32)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros((width, width), numpy.float32))
    for name, shape in {"ffn_gate": (inner, width), "ffn_up": (inner, width), "ffn_down": (width, inner)}.items():
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros(shape, numpy.float32))
    write(writer)


def random_vocabulary(size):
    vocabulary = Vocabulary()
    for character in BLANK + "abcdefghijklmnopqrstuvwxyz.,:;!?'\"()-0123456789|<>":
        vocabulary.add(character, score=-100)
    consonants = "bcdfghjklmnprstvwz"
    words = dict.fromkeys(f"{BLANK}{a}{b}{c}{d}" for d in ["", *"nstrmldkpgx"] for a in consonants for b in "aeiou" for c in ["", *consonants])
    for word in itertools.chain(words, (f"{BLANK}q{n}" for n in itertools.count())):
        if len(vocabulary.texts) >= size:
            return vocabulary
        vocabulary.add(word, score=len(word) - 50)


def random(out, ctx, shape):
    layers, width, inner, heads, kv_heads, size = SHAPES[shape]
    kv_width = width // heads * kv_heads
    dice = numpy.random.default_rng(7)
    writer = GGUFWriter(out, "llama")
    describe(writer, random_vocabulary(size), f"random-{shape}", ctx, layers, width, inner, heads, kv_heads)
    writer.add_file_type(7)

    def tensor(name, rows, columns):
        weights = dice.standard_normal((rows, columns), dtype=numpy.float32) * columns**-0.5
        if name == "token_embd":
            weights[: FIRST_BYTE + 256] = 0  # it never ends, and never says a lone byte
        writer.add_tensor(f"{name}.weight", quants.quantize(weights, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0)

    ones = numpy.ones(width, numpy.float32)
    tensor("token_embd", size, width)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(layers):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", ones)
        for name, rows, columns in (
            ("attn_q", width, width), ("attn_k", kv_width, width), ("attn_v", kv_width, width), ("attn_output", width, width),
            ("ffn_gate", inner, width), ("ffn_up", inner, width), ("ffn_down", width, inner),
        ):  # fmt: skip
            tensor(f"blk.{layer}.{name}", rows, columns)
    write(writer)


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["chain", "random"])
    parser.add_argument("out")
    parser.add_argument("--ctx", type=int, default=131072, help="as much as a server may give; --ctx of the server decides")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="135m")
    given = parser.parse_args()
    if given.kind == "chain":
        chain(given.out, given.ctx)
    else:
        random(given.out, given.ctx, given.shape)
