"""Prints as JSON what TensorBoard's own reader finds in a folder of event files.

Run as `python read_events.py FOLDER`; needs the package tensorboard.
`crates/maskwright-report/tests/event_files.rs` compares it with what was written.
"""

import json
import sys
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util


def found(folder: str) -> dict[str, dict[str, Any]]:
    """Scalars and pictures by tag and step, texts by tag, and the hyper-parameters."""
    # 0 keeps everything.
    everything = {"scalars": 0, "images": 0, "tensors": 0}
    reader = EventAccumulator(folder, size_guidance=everything).Reload()
    tags = reader.Tags()
    content = reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    session = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    texts = (tag for tag in tags["tensors"] if not tag.startswith("_hparams_"))
    return {
        "scalars": {
            tag: [[event.step, event.value] for event in reader.Scalars(tag)]
            for tag in tags["scalars"]
        },
        "images": {
            tag: [
                [image.step, image.height, image.width, image.encoded_image_string[1:4].decode()]
                for image in reader.Images(tag)
            ]
            for tag in tags["images"]
        },
        "texts": {tag: text(reader.Tensors(tag)[0].tensor_proto) for tag in texts},
        "hparams": {
            name: getattr(value, value.WhichOneof("kind"))
            for name, value in session.hparams.items()
        },
    }


def text(proto: Any) -> str:  # noqa: ANN401
    """Return the one string of a tensor."""
    return str(tensor_util.make_ndarray(proto).item().decode())


if __name__ == "__main__":
    print(json.dumps(found(sys.argv[1])))
