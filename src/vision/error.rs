//! What can be wrong with a model's output.

/// An output that is not what its layout promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("output \"{output}\" has shape {got:?}; the layout {layout} needs {expected}")]
    Shape { layout: &'static str, output: String, expected: String, got: Vec<usize> },
    #[error("the layout {layout} needs {expected} output(s), the graph gives {got}")]
    Outputs { layout: &'static str, expected: usize, got: usize },
    #[error("an alphabet of {got} characters does not fit {classes} classes; {rule}")]
    Alphabet { got: usize, classes: usize, rule: &'static str },
    #[error("cannot pack {got} bytes as a picture of {width}x{height} BGR pixels")]
    Pixels { width: usize, height: usize, got: usize },
    #[error("a picture of {width}x{height} pixels does not fit the tensor of {tensor_width}x{tensor_height}")]
    Overflow { width: usize, height: usize, tensor_width: usize, tensor_height: usize },
}
