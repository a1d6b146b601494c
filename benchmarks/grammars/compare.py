"""Compiles real-world JSON schemas and computes masks along their instances, here and with llguidance and xgrammar.

Every engine gets the same tokenizer, the same schemas and the same tokens on one thread of the same machine. A mask is
computed before each token of each instance, until one is refused. What is made once for a tokenizer is not counted; the
time to compile is from the schema as text to an object that can give masks.

Needs `llguidance`, `xgrammar`, `transformers` beside this repository; see README.md.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path


def quantile(values, share):
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def prepare(corpus, tokenizer, path):
    """Writes the corpus with its instances as ids."""
    with path.open("w") as out:
        for line in corpus.read_text().strip().split("\n"):
            entry = json.loads(line)
            tests = [
                {"valid": test["valid"], "tokens": tokenizer.encode(json.dumps(test["data"], ensure_ascii=False)).ids}
                for test in entry["tests"]
            ]
            out.write(json.dumps({"id": entry["id"], "schema": entry["schema"], "tests": tests}) + "\n")


def measure(lines, compile_schema, walk):
    """Yields what the engine made of each schema."""
    for line in lines:
        begun = time.perf_counter_ns()
        try:
            compiled = compile_schema(line["schema"])
        except Exception as error:  # noqa: BLE001, each engine has errors of its own
            yield {"id": line["id"], "error": str(error)[:200], "compile": time.perf_counter_ns() - begun}
            continue
        result = {"id": line["id"], "compile": time.perf_counter_ns() - begun, "masks": [], "right": True}
        for test in line["tests"]:
            try:
                accepted = walk(compiled, test["tokens"], result["masks"])
            except Exception:  # noqa: BLE001
                accepted = None
            result["right"] = result["right"] and accepted == test["valid"]
        yield result


def with_llguidance(lines, path, stop):
    """Masks of llguidance, on one thread."""
    import llguidance
    import numpy
    from llguidance import LLMatcher, LLTokenizer

    tokenizer = LLTokenizer((path / "tokenizer.json").read_text(), eos_token=stop)
    mask = numpy.zeros((1, (tokenizer.vocab_size + 31) // 32), dtype=numpy.int32)

    def compile_schema(schema):
        # Constructed with the grammar, it compiles; the first mask is counted as a mask.
        matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    def walk(matcher, tokens, times):
        from llguidance.numpy import fill_next_token_bitmask

        matcher = matcher.deep_copy()
        matcher.reset()
        for token in tokens:
            begun = time.perf_counter_ns()
            fill_next_token_bitmask(matcher, mask, 0)
            times.append(time.perf_counter_ns() - begun)
            if not mask[0, token >> 5] >> (token & 31) & 1:
                return False
            if not matcher.consume_token(token):
                raise ValueError(matcher.get_error())
        return matcher.is_accepting()

    del llguidance
    return measure(lines, compile_schema, walk)


def with_xgrammar(lines, path, stop):
    """Masks of xgrammar, on one thread."""
    import xgrammar
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path / "tokenizer.json"))
    info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, stop_token_ids=[stop])
    compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
    mask = xgrammar.allocate_token_bitmask(1, info.vocab_size)

    def compile_schema(schema):
        return compiler.compile_json_schema(json.dumps(schema), any_whitespace=True, strict_mode=False)

    def walk(compiled, tokens, times):
        matcher = xgrammar.GrammarMatcher(compiled)
        for token in tokens:
            begun = time.perf_counter_ns()
            matcher.fill_next_token_bitmask(mask)
            times.append(time.perf_counter_ns() - begun)
            if not matcher.accept_token(token):
                return False
        return matcher.accept_token(stop)

    return measure(lines, compile_schema, walk)


def with_attend(program, path, prepared, stop):
    """Masks of this library."""
    output = subprocess.run([program, path, prepared, str(stop)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return (entry for entry in map(json.loads, output.strip().split("\n")) if "id" in entry)


def report(name, results):
    """Prints a line of the table."""
    results = list(results)
    masks = [time / 1e3 for result in results for time in result.get("masks", [])]
    compiled = [result["compile"] / 1e6 for result in results if "error" not in result]
    right = sum(result.get("right", False) for result in results)
    print(
        f"| {name} | {len(compiled)} | {quantile(compiled, 0.5):.2f} | {quantile(compiled, 0.99):.1f} "
        f"| {sum(masks) / max(len(masks), 1):.1f} | {quantile(masks, 0.5):.1f} | {quantile(masks, 0.99):.0f} "
        f"| {max(masks, default=0):.0f} | {right / len(results):.1%} |",
        flush=True,
    )


def main():
    """Runs the engines one after another and prints a table."""
    from tokenizers import Tokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the built attend-bench-grammars")
    parser.add_argument("tokenizer", type=Path, help="a folder with tokenizer.json")
    parser.add_argument("corpus", type=Path, help="schemas with instances, a line of JSON each")
    parser.add_argument("--stop", default="<|end_of_text|>")
    parser.add_argument("--engines", default="attend,llguidance,xgrammar")
    parser.add_argument("--first", type=int, default=1 << 30, help="so many schemas of the corpus")
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.tokenizer / "tokenizer.json"))
    stop = tokenizer.token_to_id(options.stop)
    prepared = Path("grammars-prepared.jsonl")
    prepare(options.corpus, tokenizer, prepared)
    text = prepared.read_text().strip().split("\n")[: options.first]
    prepared.write_text("\n".join(text) + "\n")
    lines = [json.loads(line) for line in text]
    print("| engine | compiled | median ms | p99 ms | mean mask us | median us | p99 us | max us | schemas right |")
    print("|---|---|---|---|---|---|---|---|---|")
    engines = {
        "attend": lambda: with_attend(options.program, str(options.tokenizer), str(prepared), stop),
        "llguidance": lambda: with_llguidance(lines, options.tokenizer, stop),
        "xgrammar": lambda: with_xgrammar(lines, options.tokenizer, stop),
    }
    for name in options.engines.split(","):
        try:
            report(name, engines[name]())
        except ImportError as error:
            print(f"| {name} | not installed: {error} |", file=sys.stderr)


if __name__ == "__main__":
    main()
