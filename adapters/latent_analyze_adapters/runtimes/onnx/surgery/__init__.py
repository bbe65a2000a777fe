"""Changes to an ONNX graph: cutting out an encoder or decoder, and finding mu where z is drawn."""
