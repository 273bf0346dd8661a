//! Turns the 8-bit ONNX graph of the Kokoro voice into one that computes in single precision.
//!
//! The registry package holds a graph that quantises every activation on the fly and uses operators of one vendor. Our
//! engine is slower on it and lacks one of them. Here the weights stay 8-bit in the file, each behind one
//! `DequantizeLinear` (value = (stored - zero point) * scale) that the engine works out once while loading; everything
//! else becomes a plain operator of ONNX opset 20. Nothing is computed here, so the result is the same to the byte on
//! every machine and its hash can stand in the manifest.
//!
//! Three things are added. [`FRAMES`], the frames that each sound takes, is an output of the graph, because the marks of
//! words stand on it. [`FRAMES_MAX`], the most frames that each may take, is an input: the network begins and ends with
//! some 400 ms of silence that would be cut off again, and computing it takes a third of a short clause's time. And the
//! divisor before the one `Atan` gets a little more than nothing, for 0 / 0 is no angle.

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::{AttributeProto, AttributeType, DataType, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use thiserror::Error;

/// The name of the output that says how many frames each sound takes.
const FRAMES: &str = "frames";
/// The name of the input that says how many frames each sound may take at most.
const FRAMES_MAX: &str = "frames_max";
/// What the graph calls the frames inside.
const FRAMES_INSIDE: &str = "/encoder/Clip_output_0";
/// Added to the divisor before `Atan`; far below what is heard.
const ATAN_GUARD: f32 = 1e-12;
const ATAN_GUARD_NAME: &str = "atan_guard";
/// Steps from a bias as added back to the bias as given at most.
const BIAS_STEPS_MAX: usize = 8;

/// Why no graph came of it.
#[derive(Debug, Error)]
pub(super) enum OnnxError {
    /// The package's: the graph has a form that this conversion does not know.
    #[error("the voice model is not as expected: {0}")]
    Foreign(String),
    /// The package's: it is no ONNX file.
    #[error("the voice model cannot be read: {0}")]
    Unreadable(String),
}

/// The ONNX file of the voice that computes in single precision, made of the 8-bit one.
pub(super) fn single_precision(model: &[u8]) -> Result<Vec<u8>, OnnxError> {
    let unreadable = |error: &dyn std::fmt::Display| OnnxError::Unreadable(error.to_string());
    let mut model = ModelProto::parse_buf(model).map_err(|error| unreadable(&error))?;
    let graph = model.graph.as_mut().ok_or_else(|| OnnxError::Unreadable("there is no graph in it".into()))?;
    let mut rewriter = Rewriter::new(std::mem::take(&mut graph.node), std::mem::take(&mut graph.initializer));
    for at in 0..rewriter.nodes.len() {
        rewriter.rewrite(at)?;
    }
    let outputs: Vec<_> = graph.output.iter().filter_map(|output| output.name.clone()).collect();
    (graph.node, graph.initializer) = rewriter.finish(&outputs)?;
    graph.input.push(ValueInfoProto { name: Some(FRAMES_MAX.to_owned()), r#type: None });
    graph.output.push(ValueInfoProto { name: Some(FRAMES.to_owned()), r#type: None });
    // Shapes of values that are gone would only mislead.
    graph.value_info.clear();
    model.opset_import.retain(|set| set.domain.as_deref().unwrap_or_default().is_empty());
    model.write_buf().map_err(|error| unreadable(&error))
}

/// A graph on the way from one form to the other.
struct Rewriter {
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
    /// Which tensor has a name.
    stored: HashMap<String, usize>,
    /// Which node makes a value.
    makers: HashMap<String, usize>,
    /// Which nodes take a value.
    takers: HashMap<String, Vec<usize>>,
    /// What stands in the place of a node, if not the node.
    instead: HashMap<usize, Vec<NodeProto>>,
    /// Weights that have their `DequantizeLinear` already.
    widened: HashSet<String>,
}

impl Rewriter {
    fn new(nodes: Vec<NodeProto>, tensors: Vec<TensorProto>) -> Self {
        let mut makers = HashMap::new();
        let mut takers: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            makers.extend(node.output.iter().map(|name| (name.clone(), at)));
            for name in &node.input {
                takers.entry(name.clone()).or_default().push(at);
            }
        }
        let name = |(at, tensor): (usize, &TensorProto)| Some((tensor.name.clone()?, at));
        let stored = tensors.iter().enumerate().filter_map(name).collect();
        Self { nodes, tensors, stored, makers, takers, instead: HashMap::new(), widened: HashSet::new() }
    }

    fn rewrite(&mut self, at: usize) -> Result<(), OnnxError> {
        let node = self.nodes.get(at).cloned().unwrap_or_default();
        match node.op_type.as_deref().unwrap_or_default() {
            "Atan" => self.guard(&node),
            "ConvInteger" => self.product(at, &node, "Conv", 0),
            "DynamicQuantizeLSTM" => self.lstm(at, &node),
            "FastGelu" => self.gelu(at, &node),
            "FusedMatMul" => self.transposed_product(at, &node),
            "MatMulInteger" => self.product(at, &node, "MatMul", 1),
            "SkipLayerNormalization" => self.norm(at, &node),
            _ => Ok(()),
        }
    }

    /// A product of whole numbers, the cast and the scaling behind it, and the bias between, become one operator.
    /// `axis` is that of the weight's output channels.
    fn product(&mut self, at: usize, node: &NodeProto, op: &str, axis: i64) -> Result<(), OnnxError> {
        let [quantised, weight, _, zero] = inputs(node)?;
        let activation = self.maker(quantised)?.input.first().cloned().unwrap_or_default();
        let mut gone = vec![at];
        let mut next = self.only_taker(&node.output)?;
        let mut bias = None;
        if is(&self.nodes[next], "Add") {
            bias = Some(self.bias(&self.nodes[next], first(&node.output))?);
            gone.push(next);
            next = self.only_taker(&self.nodes[next].output)?;
        }
        let cast = next;
        let scaled = self.only_taker(&self.nodes[cast].output)?;
        if !is(&self.nodes[cast], "Cast") || !is(&self.nodes[scaled], "Mul") {
            return Err(foreign("a product of whole numbers is not scaled", node));
        }
        gone.push(cast);
        let scale = self.weight_scale(&self.nodes[scaled], first(&self.nodes[cast].output))?;
        let (mut made, wide) = self.widen(weight, &scale, zero, axis)?;
        let mut input = vec![activation, wide];
        input.extend(bias);
        let output = self.nodes[scaled].output.clone();
        made.push(NodeProto { attribute: node.attribute.clone(), ..operator(op, input, output) });
        self.instead.extend(gone.into_iter().map(|at| (at, Vec::new())));
        self.instead.insert(scaled, made);
        Ok(())
    }

    /// The bias as it was before it was divided by the scales and rounded.
    fn bias(&self, add: &NodeProto, product: &str) -> Result<String, OnnxError> {
        let mut name = other(add, product)?;
        for _ in 0..BIAS_STEPS_MAX {
            let maker = self.maker(&name)?;
            name = first(&maker.input).to_owned();
            if is(maker, "Div") && self.stored.contains_key(&name) {
                return Ok(name);
            }
        }
        Err(foreign("a bias cannot be traced", add))
    }

    /// The scale of the weight: of the two factors of the scale behind a product, the one that is stored.
    fn weight_scale(&self, scaled: &NodeProto, product: &str) -> Result<String, OnnxError> {
        let both = self.maker(&other(scaled, product)?)?;
        let stored = both.input.iter().find(|name| self.stored.contains_key(*name));
        stored.cloned().ok_or_else(|| foreign("a weight has no scale", both))
    }

    /// The name of a weight in single precision, and the node that makes it, unless it is there already.
    fn widen(
        &mut self,
        weight: &str,
        scale: &str,
        zero: &str,
        axis: i64,
    ) -> Result<(Vec<NodeProto>, String), OnnxError> {
        for name in [scale, zero] {
            let at = self.stored.get(name).copied();
            let tensor = at.and_then(|at| self.tensors.get_mut(at));
            let tensor = tensor.ok_or_else(|| OnnxError::Foreign(format!("{name} is not stored")))?;
            // One scale for all is written without a dimension.
            if tensor.dims.iter().product::<i64>() == 1 {
                tensor.dims.clear();
            }
        }
        let wide = format!("{weight}_wide");
        if !self.widened.insert(weight.to_owned()) {
            return Ok((Vec::new(), wide));
        }
        let input = [weight, scale, zero].map(str::to_owned).to_vec();
        let mut node = operator("DequantizeLinear", input, vec![wide.clone()]);
        node.attribute.push(number("axis", axis));
        Ok((vec![node], wide))
    }

    /// An LSTM whose weights are 8-bit and lie with rows and columns exchanged.
    fn lstm(&mut self, at: usize, node: &NodeProto) -> Result<(), OnnxError> {
        let [input, weight, recurrence, bias, lengths, hidden, cell, _, scale, zero, other_scale, other_zero] =
            inputs(node)?;
        let mut made = Vec::new();
        let mut names = vec![input.to_owned()];
        for (weight, scale, zero) in [(weight, scale, zero), (recurrence, other_scale, other_zero)] {
            let (nodes, wide) = self.widen(weight, scale, zero, 0)?;
            made.extend(nodes);
            let turned = format!("{wide}_turned");
            made.push(transpose(wide, turned.clone()));
            names.push(turned);
        }
        names.extend([bias, lengths, hidden, cell].map(str::to_owned));
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        let mut lstm = operator("LSTM", names, node.output.clone());
        let known = |name: &str| matches!(name, "direction" | "hidden_size");
        lstm.attribute = node.attribute.iter().filter(|it| it.name.as_deref().is_some_and(known)).cloned().collect();
        made.push(lstm);
        self.instead.insert(at, made);
        Ok(())
    }

    /// A product whose first factor is to be transposed.
    fn transposed_product(&mut self, at: usize, node: &NodeProto) -> Result<(), OnnxError> {
        let set = |name: &str| attribute(node, name).and_then(|it| it.i).unwrap_or(0);
        let scale = attribute(node, "alpha").and_then(|it| it.f).unwrap_or(1.0);
        if set("transA") != 1 || set("transB") + set("transBatchA") + set("transBatchB") != 0 || scale != 1.0 {
            return Err(foreign("a product is of another kind", node));
        }
        let [left, right] = inputs(node)?;
        let turned = format!("{}_turned", first(&node.output));
        let product = operator("MatMul", vec![turned.clone(), right.to_owned()], node.output.clone());
        self.instead.insert(at, vec![transpose(left.to_owned(), turned), product]);
        Ok(())
    }

    /// The sum of two values, a bias perhaps, and the normalisation of it. The fourth output is the sum.
    fn norm(&mut self, at: usize, node: &NodeProto) -> Result<(), OnnxError> {
        let [left, right, scale, shift] = inputs(node)?;
        let out = first(&node.output);
        let sum = node.output.get(3).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| format!("{out}_sum"));
        let mut made = Vec::new();
        let mut left = left.to_owned();
        if let Some(bias) = node.input.get(4).filter(|name| !name.is_empty()) {
            let biased = format!("{out}_biased");
            made.push(operator("Add", vec![left, bias.clone()], vec![biased.clone()]));
            left = biased;
        }
        made.push(operator("Add", vec![left, right.to_owned()], vec![sum.clone()]));
        let input = vec![sum, scale.to_owned(), shift.to_owned()];
        let mut norm = operator("LayerNormalization", input, vec![out.to_owned()]);
        norm.attribute.push(number("axis", -1));
        norm.attribute.extend(attribute(node, "epsilon").cloned());
        made.push(norm);
        self.instead.insert(at, made);
        Ok(())
    }

    /// The tanh form of GELU, and a bias in front of it perhaps.
    fn gelu(&mut self, at: usize, node: &NodeProto) -> Result<(), OnnxError> {
        let [input] = inputs(node)?;
        let mut input = input.to_owned();
        let mut made = Vec::new();
        if let Some(bias) = node.input.get(1).filter(|name| !name.is_empty()) {
            let biased = format!("{}_biased", first(&node.output));
            made.push(operator("Add", vec![input, bias.clone()], vec![biased.clone()]));
            input = biased;
        }
        let mut gelu = operator("Gelu", vec![input], node.output.clone());
        gelu.attribute.push(AttributeProto {
            name: Some("approximate".to_owned()),
            s: Some("tanh".to_owned()),
            r#type: Some(AttributeType::STRING),
            ..AttributeProto::default()
        });
        made.push(gelu);
        self.instead.insert(at, made);
        Ok(())
    }

    /// Keeps the quotient that an `Atan` takes from being 0 / 0.
    fn guard(&mut self, atan: &NodeProto) -> Result<(), OnnxError> {
        let at = self.makers.get(first(&atan.input)).copied();
        let division = at.and_then(|at| self.nodes.get(at)).filter(|node| is(node, "Div"));
        let (Some(at), Some(division)) = (at, division) else {
            return Err(foreign("an angle is not of a quotient", atan));
        };
        let [above, below] = inputs(division)?;
        let guarded = format!("{below}_guarded");
        let sum = vec![below.to_owned(), ATAN_GUARD_NAME.to_owned()];
        let quotient = operator("Div", vec![above.to_owned(), guarded.clone()], division.output.clone());
        let made = vec![operator("Add", sum, vec![guarded]), quotient];
        if !self.stored.contains_key(ATAN_GUARD_NAME) {
            self.stored.insert(ATAN_GUARD_NAME.to_owned(), self.tensors.len());
            self.tensors.push(TensorProto {
                name: Some(ATAN_GUARD_NAME.to_owned()),
                data_type: Some(DataType::FLOAT),
                float_data: vec![ATAN_GUARD],
                ..TensorProto::default()
            });
        }
        self.instead.insert(at, made);
        Ok(())
    }

    /// The nodes in their order and the tensors, without those that nothing asks for any more.
    fn finish(mut self, outputs: &[String]) -> Result<(Vec<NodeProto>, Vec<TensorProto>), OnnxError> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for (at, node) in self.nodes.into_iter().enumerate() {
            match self.instead.remove(&at) {
                Some(made) => nodes.extend(made),
                None => nodes.push(node),
            }
        }
        let mut wanted: HashSet<String> = outputs.iter().cloned().chain([FRAMES_INSIDE.to_owned()]).collect();
        let mut has_frames = false;
        // From the end, so that whoever takes a value is met before its maker.
        let mut kept: Vec<NodeProto> = Vec::with_capacity(nodes.len());
        for mut node in nodes.into_iter().rev() {
            if !node.output.iter().any(|name| wanted.contains(name)) {
                continue;
            }
            wanted.extend(node.input.iter().cloned());
            for name in node.input.iter_mut().filter(|name| *name == FRAMES_INSIDE) {
                FRAMES.clone_into(name);
            }
            if node.output.iter().any(|name| name == FRAMES_INSIDE) {
                has_frames = true;
                let input = [FRAMES_INSIDE, FRAMES_MAX].map(str::to_owned).to_vec();
                kept.push(operator("Min", input, vec![FRAMES.to_owned()]));
            }
            if node.domain.as_deref().is_some_and(|domain| !domain.is_empty()) {
                return Err(foreign("an operator of one vendor is left", &node));
            }
            kept.push(node);
        }
        kept.reverse();
        if !has_frames {
            return Err(OnnxError::Foreign(format!("it has no value {FRAMES_INSIDE}")));
        }
        self.tensors.retain(|tensor| tensor.name.as_ref().is_some_and(|name| wanted.contains(name)));
        Ok((kept, self.tensors))
    }

    fn maker(&self, value: &str) -> Result<&NodeProto, OnnxError> {
        let at = self.makers.get(value).and_then(|&at| self.nodes.get(at));
        at.ok_or_else(|| OnnxError::Foreign(format!("nothing makes {value}")))
    }

    fn only_taker(&self, values: &[String]) -> Result<usize, OnnxError> {
        match self.takers.get(first(values)).map(Vec::as_slice) {
            Some(&[at]) => Ok(at),
            _ => Err(OnnxError::Foreign(format!("{} is not taken once", first(values)))),
        }
    }
}

fn operator(op: &str, input: Vec<String>, output: Vec<String>) -> NodeProto {
    // Names of nodes are for people; those of values tell enough.
    NodeProto { op_type: Some(op.to_owned()), input, output, ..NodeProto::default() }
}

/// Exchanges the last two of three dimensions.
fn transpose(from: String, to: String) -> NodeProto {
    let order = AttributeProto {
        name: Some("perm".to_owned()),
        ints: vec![0, 2, 1],
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    };
    NodeProto { attribute: vec![order], ..operator("Transpose", vec![from], vec![to]) }
}

fn number(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(AttributeType::INT),
        ..AttributeProto::default()
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|it| it.name.as_deref() == Some(name))
}

fn is(node: &NodeProto, op: &str) -> bool {
    node.op_type.as_deref() == Some(op)
}

/// The first inputs of a node, as many as are asked for.
fn inputs<const N: usize>(node: &NodeProto) -> Result<[&str; N], OnnxError> {
    let names: Vec<&str> = node.input.iter().take(N).map(String::as_str).collect();
    names.try_into().map_err(|_| foreign("too few inputs", node))
}

/// Of the two inputs of a node, the one that is not `name`.
fn other(node: &NodeProto, name: &str) -> Result<String, OnnxError> {
    node.input.iter().find(|input| *input != name).cloned().ok_or_else(|| foreign("an input is missing", node))
}

fn first(names: &[String]) -> &str {
    names.first().map_or("", String::as_str)
}

fn foreign(what: &str, node: &NodeProto) -> OnnxError {
    let op = node.op_type.as_deref().unwrap_or("a node without a type");
    OnnxError::Foreign(format!("{what}, at {op} making {}", first(&node.output)))
}

#[cfg(test)]
mod tests;
