"""Draws the pictures of this folder and writes what Pillow and transformers make of them.

usage: make.py      Pillow 12.3, transformers 5.24, numpy and safetensors are needed. Everything is drawn from a seed.
"""

import json
import struct
import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

HERE = Path(__file__).parent
FILES = HERE / "files"
generator = np.random.default_rng(13)


def draw(width, height, channels=3):
    """A picture of waves and noise, so that every pixel and every channel matters."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (5 - c) + 2 * c) for c in range(channels)]
    noise = generator.integers(-35, 36, (height, width, channels))
    return np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def png(name, width, pixels, color, depth):
    """A PNG that Pillow cannot write, its rows without a filter."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height = pixels.shape[0]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (FILES / name).write_bytes(b"\x89PNG\r\n\x1a\n" + header + body)


def bitmap(name, width, height, bits, compression, palette, data):
    """A bitmap of a kind that Pillow cannot write."""
    offset = 54 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    (FILES / name).write_bytes(b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data)


def write_files():
    rgb, rgba = Image.fromarray(draw(21, 14)), Image.fromarray(draw(21, 14, 4), "RGBA")
    exif = Image.Exif()
    rgb.save(FILES / "rgb.png")
    rgba.save(FILES / "rgba.png")
    rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=13).save(FILES / "palette-trns.png", transparency=4)
    sixteen = draw(21, 14, 4).astype(">u2") * 256 + draw(21, 14, 4)
    png("rgba16.png", 21, sixteen.astype(">u2"), 6, 16)
    png("gray1.png", 21, np.packbits(draw(21, 14, 1)[..., 0] > 127, axis=1), 0, 1)
    exif[0x0112] = 5
    rgb.save(FILES / "turned-5.png", exif=exif)
    for sampling in range(3):
        rgb.save(FILES / f"sampling-{sampling}.jpg", quality=90, subsampling=sampling)
    rgb.save(FILES / "progressive.jpg", progressive=True)
    rgb.convert("L").save(FILES / "gray.jpg")
    rgb.convert("CMYK").save(FILES / "cmyk.jpg")
    for orientation in range(2, 9):
        exif[0x0112] = orientation
        rgb.save(FILES / f"turned-{orientation}.jpg", exif=exif)
    rgb.save(FILES / "lossy.webp", quality=80)
    rgba.save(FILES / "lossy-alpha.webp", quality=80)
    rgba.save(FILES / "lossless.webp", lossless=True)
    rgb.save(FILES / "animated.webp", save_all=True, append_images=[rgb.rotate(180)], lossless=True)
    rgb.save(FILES / "interlaced.gif", interlace=1)
    rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=30).save(FILES / "transparent.gif", transparency=7)
    rgb.save(FILES / "rgb.bmp")
    rgb.convert("1").save(FILES / "bits-1.bmp")
    rgb.convert("P", palette=Image.Palette.ADAPTIVE).save(FILES / "palette.bmp")
    colours = b"".join(struct.pack("<BBBB", 16 * i, 255 - 9 * i, 100 + 7 * i, 0) for i in range(16))
    bitmap("bits-4.bmp", 7, 3, 4, 0, colours, bytes.fromhex("01234560 89abcde0 fedcba90"))
    runs = "05 03 02 07 00 00 00 03 01 02 03 00 04 0f 00 00 07 01 00 01"
    bitmap("runs-8.bmp", 7, 3, 8, 1, colours, bytes.fromhex(runs))
    narrow = np.arange(15, dtype="<u2").reshape(3, 5) * 2183
    rows = b"".join(row.tobytes() + b"\0\0" for row in narrow)
    bitmap("bits-16.bmp", 5, 3, 16, 0, b"", rows)


def on_white(path):
    """What a model is given: turned as EXIF says, and without transparency."""
    image = ImageOps.exif_transpose(Image.open(path))
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return np.array(image.convert("RGB"))


# Class, module, options. Small enough that all that they make fits here.
PROCESSORS = {
    "vit": ("ViTImageProcessor", "vit", {"size": {"height": 12, "width": 9}}),
    "beit": ("BeitImageProcessor", "beit", {"size": 16, "do_center_crop": True, "crop_size": [11, 14]}),
    "blip": ("BlipImageProcessor", "blip", {"size": {"height": 13, "width": 13}, "resample": 5}),
    "chameleon": ("ChameleonImageProcessor", "chameleon", {"size": {"shortest_edge": 14}, "crop_size": 13}),
    "clip-longest": (
        "CLIPImageProcessor",
        "clip",
        {"size": {"shortest_edge": 20, "longest_edge": 33}, "do_center_crop": False},
    ),
    "clip-within": (
        "CLIPImageProcessor",
        "clip",
        {"size": {"max_height": 20, "max_width": 25}, "do_center_crop": False, "do_rescale": False},
    ),
    "convnext-small": ("ConvNextImageProcessor", "convnext", {"size": {"shortest_edge": 14}, "crop_pct": 0.9}),
    "donut": (
        "DonutImageProcessor",
        "donut",
        {"size": {"height": 30, "width": 22}, "do_align_long_axis": True, "do_normalize": False},
    ),
    "llava-next": (
        "LlavaNextImageProcessor",
        "llava_next",
        {
            "size": {"shortest_edge": 8},
            "crop_size": {"height": 8, "width": 8},
            "image_grid_pinpoints": [[8, 16], [16, 8], [16, 16], [24, 8], [8, 24]],
        },
    ),
    "idefics2": ("Idefics2ImageProcessor", "idefics2", {"size": {"shortest_edge": 9, "longest_edge": 24}}),
    "idefics2-split": (
        "Idefics2ImageProcessor",
        "idefics2",
        {"size": {"shortest_edge": 9, "longest_edge": 16}, "do_image_splitting": True},
    ),
    "idefics3": (
        "Idefics3ImageProcessor",
        "idefics3",
        {"size": {"longest_edge": 30}, "max_image_size": {"longest_edge": 10}},
    ),
    "smolvlm-whole": (
        "SmolVLMImageProcessor",
        "smolvlm",
        {"size": {"longest_edge": 30}, "max_image_size": {"longest_edge": 10}, "do_image_splitting": False},
    ),
    "mllama": ("MllamaImageProcessor", "mllama", {"size": {"height": 12, "width": 12}, "max_image_tiles": 4}),
    "qwen2-vl": (
        "Qwen2VLImageProcessor",
        "qwen2_vl",
        {"patch_size": 4, "merge_size": 2, "min_pixels": 500, "max_pixels": 900},
    ),
    "gemma3": (
        "Gemma3ImageProcessor",
        "gemma3",
        {
            "size": {"height": 10, "width": 10},
            "do_pan_and_scan": True,
            "pan_and_scan_min_crop_size": 8,
            "pan_and_scan_max_num_crops": 4,
            "pan_and_scan_min_ratio_to_activate": 1.2,
        },
    ),
    "siglip2": ("Siglip2ImageProcessor", "siglip2", {"patch_size": 4, "max_num_patches": 20}),
    # Resizes numbers, and there is none with Pillow.
    "dinov3": ("DINOv3ViTImageProcessor", "dinov3_vit", {"size": {"height": 12, "width": 14}}),
    "dinov3-larger": ("DINOv3ViTImageProcessor", "dinov3_vit", {"size": {"height": 26, "width": 20}, "resample": 3}),
}


def write_processors(expected):
    inputs = {"wide": draw(61, 23), "tall": draw(17, 50), "square": draw(40, 40), "tiny": draw(11, 9)}
    for name, pixels in inputs.items():
        Image.fromarray(pixels).save(HERE / f"{name}.png")
    configurations = {}
    for name, (kind, module, options) in PROCESSORS.items():
        ending = "" if module == "dinov3_vit" else "Pil"
        file = f"image_processing_{'pil_' if ending else ''}{module}"
        module = import_module(f"transformers.models.{module}.{file}")
        configurations[name] = {"image_processor_type": kind, **options}
        processor = getattr(module, kind + ending)(**options)
        for picture, pixels in inputs.items():
            values = np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"], np.float32)
            if name == "siglip2":  # [patches, numbers of a patch], without those that fill up
                processed = processor(Image.fromarray(pixels), return_tensors="np")
                values = values[0, : processed["pixel_attention_mask"].sum()]
            elif name != "qwen2-vl":  # [tiles, 3, height, width]
                values = values.reshape(-1, *values.shape[-3:])
            if name == "mllama":  # black tiles to the largest number
                processed = processor(Image.fromarray(pixels), return_tensors="np")
                values = values[: processed["num_tiles"][0][0]]
            expected[f"{name}/{picture}"] = np.ascontiguousarray(values)
    text = json.dumps(configurations, indent=2)
    (HERE / "processors.json").write_text(text + "\n")


def main():
    FILES.mkdir(exist_ok=True)
    write_files()
    decoded = {path.name: on_white(path) for path in sorted(FILES.iterdir())}
    expected = {}
    write_processors(expected)
    save_file(decoded, HERE / "decoded.safetensors")
    save_file(expected, HERE / "values.safetensors")


if __name__ == "__main__":
    main()
