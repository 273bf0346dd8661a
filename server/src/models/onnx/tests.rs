//! The conversion on a graph that has each of the forms it knows, once.

use super::*;
use crate::models::stamp::sha256;

/// Of the small graph below, converted. A change of it is a change of every machine's model, whose hash stands in the
/// manifest.
const SMALL_SHA256: &str = "1a73f557f904c319e8cf9d409550f3b593117aefb0e951bfc69ef2753f4eb877";

#[test]
fn whole_number_products_become_plain_ones_on_weights_that_stay_small() {
    let graph = converted(&small());
    let ops: Vec<_> = graph.node.iter().map(|node| node.op_type.clone().unwrap_or_default()).collect();
    let expected = [
        "DequantizeLinear",
        "MatMul",
        "DequantizeLinear",
        "Conv",
        "DequantizeLinear",
        "Transpose",
        "DequantizeLinear",
        "Transpose",
        "LSTM",
        "Transpose",
        "MatMul",
        "Add",
        "LayerNormalization",
        "Gelu",
        "Add",
        "Div",
        "Atan",
        "Clip",
        "Min",
    ];
    assert_eq!(ops, expected);
    let node = |op: &str| graph.node.iter().find(|node| is(node, op)).unwrap();
    assert_eq!(node("MatMul").input, ["x", "w_wide"]);
    assert_eq!(node("DequantizeLinear").input, ["w", "w_scale", "w_zero"]);
    assert_eq!(node("Conv").input, ["y", "k_wide", "k_bias"]);
    assert_eq!(attribute(node("Conv"), "group").unwrap().i, Some(1), "attributes stay");
    assert_eq!(node("LSTM").input, ["c", "lw_wide_turned", "lr_wide_turned", "lb"]);
    assert_eq!(node("LayerNormalization").input, ["n_sum", "gain", "shift"]);
    assert_eq!(node("Div").input, ["g", "x_guarded"]);
    let w = graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some("w")).unwrap();
    assert_eq!((w.data_type, w.int32_data.as_slice()), (Some(DataType::INT8), &[1, 2, 3, 4][..]));
    let scale = graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some("w_scale")).unwrap();
    assert!(scale.dims.is_empty(), "one scale for all has no dimension");
}

#[test]
fn frames_can_be_limited_and_read_and_what_nobody_takes_goes() {
    let graph = converted(&small());
    let outputs: Vec<_> = graph.output.iter().filter_map(|output| output.name.as_deref()).collect();
    assert_eq!(outputs, ["audio", FRAMES]);
    let inputs: Vec<_> = graph.input.iter().filter_map(|input| input.name.as_deref()).collect();
    assert_eq!(inputs, ["x", FRAMES_MAX]);
    let limit = graph.node.iter().find(|node| is(node, "Min")).unwrap();
    assert_eq!(
        (limit.input.as_slice(), limit.output.as_slice()),
        (&[FRAMES_INSIDE.to_owned(), FRAMES_MAX.to_owned()][..], &[FRAMES.to_owned()][..])
    );
    let gone = |tensor: &&TensorProto| ["x_scale", "idle"].contains(&tensor.name.as_deref().unwrap_or_default());
    assert_eq!(graph.initializer.iter().filter(gone).count(), 0);
}

#[test]
fn the_result_is_the_same_to_the_byte() {
    let model = small();
    let once = single_precision(&model).unwrap();
    assert_eq!(once, single_precision(&model).unwrap());
    assert_eq!(sha256(&once), SMALL_SHA256);
}

#[test]
fn other_graphs_are_refused_with_the_reason() {
    let check = |change: &dyn Fn(&mut Vec<NodeProto>), reason: &str| {
        let mut model = ModelProto::parse_buf(&small()).unwrap();
        change(&mut model.graph.as_mut().unwrap().node);
        let error = single_precision(&model.write_buf().unwrap()).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason} is in {error}");
    };
    check(&|nodes| nodes.retain(|node| !is(node, "Clip")), "it has no value");
    check(&|nodes| nodes.retain(|node| !is(node, "DynamicQuantizeLinear")), "nothing makes x_q");
    check(&|nodes| nodes.retain(|node| !is(node, "Cast")), "is not taken once");
    let odd = |nodes: &mut Vec<NodeProto>| {
        let atan = nodes.iter_mut().find(|node| is(node, "Atan")).unwrap();
        (atan.op_type, atan.domain) = (Some("Strange".to_owned()), Some("com.microsoft".to_owned()));
    };
    check(&odd, "one vendor is left, at Strange");
    assert!(matches!(single_precision(b""), Err(OnnxError::Unreadable(_))));
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_no_panic() {
    let model = small();
    for length in 0..model.len() {
        // A cut between two fields can leave a graph that is whole but for its outputs; it is refused or harmless.
        drop(single_precision(&model[..length]));
    }
    assert!(single_precision(&model[..model.len() / 2]).is_err());
}

fn converted(model: &[u8]) -> rten_onnx::onnx::GraphProto {
    ModelProto::parse_buf(&single_precision(model).unwrap()).unwrap().graph.unwrap()
}

/// A graph with a product, a convolution with a bias, an LSTM, a transposed product, a norm, a GELU and an angle.
fn small() -> Vec<u8> {
    let node = |op: &str, input: &str, output: &str| {
        let names = |names: &str| names.split(' ').map(|name| name.replace('-', "")).collect();
        let vendor = ["DynamicQuantizeLSTM", "FastGelu", "FusedMatMul", "SkipLayerNormalization"].contains(&op);
        let domain = vendor.then(|| "com.microsoft".to_owned());
        NodeProto { domain, ..operator(op, names(input), names(output)) }
    };
    let mut nodes = vec![
        node("DynamicQuantizeLinear", "x", "x_q x_scale_now x_zero"),
        node("MatMulInteger", "x_q w x_zero w_zero", "y_i"),
        node("Cast", "y_i", "y_f"),
        node("Mul", "x_scale_now w_scale", "y_scale"),
        node("Mul", "y_f y_scale", "y"),
        node("DynamicQuantizeLinear", "y", "y_q y_scale_now y_zero"),
        node("Mul", "y_scale_now k_scale", "k_scale_now"),
        node("Div", "k_bias k_scale_now", "b_divided"),
        node("Floor", "b_divided", "b_floor"),
        node("Cast", "b_floor", "b_i"),
        node("ConvInteger", "y_q k y_zero k_zero", "c_i"),
        node("Add", "c_i b_i", "c_b"),
        node("Cast", "c_b", "c_f"),
        node("Mul", "c_f k_scale_now", "c"),
        node("DynamicQuantizeLSTM", "c lw lr lb - - - - lw_scale lw_zero lr_scale lr_zero", "h"),
        node("FusedMatMul", "h x", "m"),
        node("SkipLayerNormalization", "m x gain shift", "n"),
        node("FastGelu", "n", "g"),
        node("Div", "g x", "q"),
        node("Atan", "q", "audio"),
        node("Clip", "audio", FRAMES_INSIDE),
    ];
    for node in &mut nodes {
        if is(node, "ConvInteger") {
            node.attribute.push(number("group", 1));
        }
        if is(node, "FusedMatMul") {
            node.attribute.push(number("transA", 1));
        }
    }
    let mut tensors = vec![stored("k_bias", DataType::FLOAT, &[2]), stored("idle", DataType::FLOAT, &[1])];
    for (weight, dims) in [("w", &[2, 2][..]), ("k", &[2, 2, 1]), ("lw", &[1, 2, 4]), ("lr", &[1, 1, 4])] {
        tensors.push(stored(weight, DataType::INT8, dims));
        tensors.push(stored(&format!("{weight}_scale"), DataType::FLOAT, &[1]));
        tensors.push(stored(&format!("{weight}_zero"), DataType::INT8, &[1]));
    }
    for name in ["lb", "gain", "shift"] {
        tensors.push(stored(name, DataType::FLOAT, &[2]));
    }
    let value = |name: &str| ValueInfoProto { name: Some(name.to_owned()), r#type: None };
    let graph = rten_onnx::onnx::GraphProto {
        node: nodes,
        initializer: tensors,
        input: vec![value("x")],
        output: vec![value("audio")],
        value_info: Vec::new(),
    };
    ModelProto { ir_version: Some(8), graph: Some(graph), ..ModelProto::default() }.write_buf().unwrap()
}

/// A tensor that holds 1, 2, 3 and so on.
fn stored(name: &str, data_type: DataType, dims: &[i64]) -> TensorProto {
    let count = dims.iter().product::<i64>() as i32;
    let (mut float_data, mut int32_data) = (Vec::new(), Vec::new());
    match data_type {
        DataType::FLOAT => float_data = (1..=count).map(|value| value as f32).collect(),
        _ => int32_data = (1..=count).collect(),
    }
    let name = Some(name.to_owned());
    TensorProto {
        name,
        data_type: Some(data_type),
        dims: dims.to_vec(),
        float_data,
        int32_data,
        ..TensorProto::default()
    }
}
