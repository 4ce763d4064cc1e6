"""Detects objects in all cameras with ONNX Runtime, in micro-batches.

    python detect.py model.onnx [camera …]

Takes models of YOLOv8's and YOLO11's form: input (N, 3, height, width) RGB 0 to 1, output
(N, 4 + classes, boxes) with centre x, centre y, width and height in the input's pixels.
The worker resizes, letterboxes and normalises; boxes are printed in each camera's pixels.
The worker is that of FRAMEPORT_ADDRESS, by default 127.0.0.1:50051.
"""

import argparse
import ast
from itertools import islice

import numpy as np

import frameport

HOW_TO_GET_A_MODEL = """give a model: python detect.py model.onnx

For example, Ultralytics makes one (look at its licence, AGPL-3.0, before you ship it):

    pip install ultralytics onnxruntime
    yolo export model=yolo11n.pt format=onnx dynamic=True imgsz=640
    python detect.py yolo11n.onnx"""

DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


class Detector:
    """A model in a session of ONNX Runtime."""

    def __init__(self, session, confidence=0.4, overlap=0.5):
        (given,) = session.get_inputs()
        count, channels, height, width = (n if isinstance(n, int) else None for n in given.shape)
        if channels not in (3, None) or given.type not in DTYPES:
            raise SystemExit(f"the model takes {given.type} {given.shape}; this example knows float (N, 3, height, width)")
        self.session, self.input = session, given.name
        self.dtype, self.width, self.height = DTYPES[given.type], width or 640, height or 640
        self.count = count  # None: any
        self.confidence, self.overlap = confidence, overlap
        names = session.get_modelmeta().custom_metadata_map.get("names", "{}")
        self.names = ast.literal_eval(names)  # Ultralytics writes {0: 'person', …}

    def form(self):
        """Returns what the model wants, as arguments of ``Client.batches``."""
        return {"width": self.width, "height": self.height, "dtype": self.dtype, "max_batch_size": self.count}

    def detect(self, tensor):
        """Returns a list of (name, confidence, box) for each picture of the tensor."""
        wanted = len(tensor)
        if self.count and wanted < self.count:  # a fixed N: fill up
            tensor = np.concatenate([tensor, np.zeros((self.count - wanted, *tensor.shape[1:]), tensor.dtype)])
        (output,) = self.session.run(None, {self.input: tensor})
        return [self._boxes(picture) for picture in output[:wanted]]

    def _boxes(self, output):
        output = output.astype(np.float32)
        centre, size, scores = output[:2].T, output[2:4].T, output[4:]
        classes, confidences = scores.argmax(axis=0), scores.max(axis=0)
        boxes = np.hstack([centre - size / 2, centre + size / 2])
        order = np.argsort(-confidences)
        order = order[confidences[order] >= self.confidence]
        found = []
        while len(order):
            best, order = order[0], order[1:]
            name = self.names.get(int(classes[best]), str(classes[best]))
            found.append((name, float(confidences[best]), boxes[best].tolist()))
            same = classes[order] == classes[best]
            order = order[~same | (overlaps(boxes[best], boxes[order]) <= self.overlap)]
        return found


def overlaps(box, boxes):
    """Returns intersection over union of a box with each of boxes."""
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = size.clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return common / np.maximum((box[2:] - box[:2]).prod() + areas - common, 1e-9)


def load(onnxruntime, path):
    """Returns a session of the model in a file, or ends the program with what is wrong."""
    try:
        with open(path, "rb"):  # ONNX Runtime's words for a file that it can't read are many
            pass
        return onnxruntime.InferenceSession(path, providers=onnxruntime.get_available_providers())
    except OSError as error:
        raise SystemExit(f"the model can't be read: {error}") from None
    except Exception as error:  # ONNX Runtime's have no base of their own
        raise SystemExit(
            f"ONNX Runtime can't load {path} ({error}): is it a whole ONNX file, and not newer than this ONNX Runtime? "
            "python detect.py without a model says how to get one"
        ) from None


def follow(client, detector, cameras=None, count=None):
    """Prints what the cameras see, for ever or for so many batches."""
    with client.batches(cameras, **detector.form()) as batches:
        for batch in islice(batches, count):
            for entry, found in zip(batch.entries, detector.detect(batch.tensor)):
                for name, confidence, box in found:
                    left, top, right, bottom = map(round, entry.box_to_source(box))
                    print(
                        f"{entry.capture_time:%H:%M:%S.%f} {entry.camera} {name} {confidence:.2f} "
                        f"in {left},{top} to {right},{bottom}",
                        flush=True,
                    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", help="an ONNX file")
    parser.add_argument("cameras", nargs="*", help="default: all")
    parser.add_argument("--confidence", type=float, default=0.4, help="least that counts, 0 to 1 (default %(default)s)")
    parser.add_argument("--batches", type=int, help="end after so many")
    options = parser.parse_args()
    if not options.model:
        raise SystemExit(HOW_TO_GET_A_MODEL)
    try:
        import onnxruntime
    except ImportError as error:
        raise SystemExit(f"this example needs ONNX Runtime ({error}): pip install onnxruntime") from None
    session = load(onnxruntime, options.model)
    with frameport.Client() as client:
        follow(client, Detector(session, options.confidence), options.cameras or None, options.batches)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except frameport.FrameportError as error:
        raise SystemExit(str(error)) from None
