//! The sample shop's door: axum routes over [`Stock`], with the faults in front.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::faults::Faults;
use super::stock::{Order, OrderStatus, Stock, days_from};

/// Answers requests until `shutdown` completes; requests that hang are let go then.
///
/// # Errors
/// The machine's, when the listener fails.
pub async fn serve(
    listener: TcpListener,
    stock: Stock,
    faults: Faults,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = watch::channel(());
    let shop = Arc::new(Shop { stock, faults: Mutex::new(faults), callbacks: Mutex::new(Vec::new()), stopped });
    let business = Router::new()
        .route("/orders", get(all_orders))
        .route("/orders/{id}", get(one_order))
        .route("/orders/{id}/shipment", get(shipment))
        .route("/customers/{phone}/orders", get(orders_of_customer))
        .route("/callbacks", post(keep_callback).get(kept_callbacks))
        .fallback(async || problem(StatusCode::NOT_FOUND, "There is nothing here."))
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), misbehave));
    // The faults themselves stay reachable whatever the rest does.
    let router = Router::new().route("/faults", get(current_faults).post(change_faults)).merge(business);
    let shutdown = async move {
        shutdown.await;
        drop(stopping);
    };
    axum::serve(listener, router.with_state(shop)).with_graceful_shutdown(shutdown).await
}

struct Shop {
    stock: Stock,
    faults: Mutex<Faults>,
    callbacks: Mutex<Vec<Callback>>,
    stopped: watch::Receiver<()>,
}

/// A promise to call somebody back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    #[serde(default)]
    id: u64,
    number: String,
    queue: String,
    #[serde(default)]
    note: Option<String>,
}

async fn misbehave(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    let standing = *shop.faults.lock().unwrap_or_else(PoisonError::into_inner);
    let faults = match faults_of(&request, standing) {
        Ok(faults) => faults,
        Err(reason) => return problem(StatusCode::BAD_REQUEST, &reason),
    };
    let mut stopped = shop.stopped.clone();
    if !faults.wait().is_zero() {
        tokio::select! {
            () = tokio::time::sleep(faults.wait()) => {}
            // The sender is dropped when the shop closes.
            _ = stopped.changed() => return problem(StatusCode::SERVICE_UNAVAILABLE, "The shop is closing."),
        }
    }
    if faults.hang {
        return problem(StatusCode::GATEWAY_TIMEOUT, "This request was asked to hang.");
    }
    match faults.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) => problem(status, "This request was asked to fail."),
        None => next.run(request).await,
    }
}

/// The standing faults and those this request asks for.
fn faults_of(request: &Request, standing: Faults) -> Result<Faults, String> {
    let query = request.uri().query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("fault="));
    let asked = asked.map(|text| text.replace("%2C", ",").replace("%3D", "=")).unwrap_or_default();
    let header = match request.headers().get(&FAULT_HEADER) {
        Some(value) => value.to_str().map_err(|_| "the header x-fault is not text".to_owned())?,
        None => "",
    };
    standing.with(&asked).and_then(|faults| faults.with(header)).map_err(|error| error.to_string())
}

async fn all_orders(State(shop): State<Arc<Shop>>) -> Response {
    Json(json!({ "orders": shop.stock.orders() })).into_response()
}

async fn one_order(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Response {
    match shop.stock.order(&id) {
        Some(order) => Json(order).into_response(),
        None => problem(StatusCode::NOT_FOUND, "There is no order with this id."),
    }
}

async fn shipment(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Response {
    let Some(order) = shop.stock.order(&id) else {
        return problem(StatusCode::NOT_FOUND, "There is no order with this id.");
    };
    if order.carrier.is_none() {
        return problem(StatusCode::NOT_FOUND, "This order has not been sent.");
    }
    Json(json!({
        "order": order.id,
        "status": order.status,
        "carrier": order.carrier,
        "tracking": order.tracking,
        "expected": order.expected,
        "steps": steps(order),
    }))
    .into_response()
}

/// What has happened to the parcel.
fn steps(order: &Order) -> Vec<serde_json::Value> {
    let step = |days: i64, text: &str, text_zh: &str| json!({ "date": days_from(order.placed, days), "text": text, "text_zh": text_zh });
    let mut steps = vec![
        step(0, "order received", "已下单"),
        step(1, "handed to the carrier", "已交给快递公司"),
        step(2, "left the sorting centre", "已离开分拣中心"),
    ];
    match (order.status, order.expected) {
        (OrderStatus::Delivered, Some(day)) => {
            steps.retain(|step| step["date"].as_str() <= Some(day.to_string().as_str()));
            steps.push(json!({ "date": day, "text": "delivered", "text_zh": "已签收" }));
        }
        (OrderStatus::Refunding, _) => steps.push(step(3, "on its way back", "退回途中")),
        (OrderStatus::Delivered | OrderStatus::Cancelled | OrderStatus::Processing | OrderStatus::Shipped, _) => {}
    }
    steps
}

async fn orders_of_customer(State(shop): State<Arc<Shop>>, Path(phone): Path<String>) -> Response {
    match shop.stock.customer(&phone) {
        Some(customer) => Json(json!({
            "name": customer.name,
            "phone": customer.phone,
            "orders": shop.stock.orders_of(customer),
        }))
        .into_response(),
        None => problem(StatusCode::NOT_FOUND, "There is no customer with this number."),
    }
}

async fn keep_callback(State(shop): State<Arc<Shop>>, Json(callback): Json<Callback>) -> Response {
    let mut callbacks = shop.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
    if callbacks.len() >= CALLBACKS_MAX {
        return problem(StatusCode::INSUFFICIENT_STORAGE, "Too many callbacks are waiting.");
    }
    let kept = Callback { id: callbacks.len() as u64 + 1, ..callback };
    callbacks.push(kept.clone());
    (StatusCode::CREATED, Json(kept)).into_response()
}

async fn kept_callbacks(State(shop): State<Arc<Shop>>) -> Response {
    let callbacks = shop.callbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Json(json!({ "callbacks": callbacks })).into_response()
}

async fn current_faults(State(shop): State<Arc<Shop>>) -> Json<Faults> {
    Json(*shop.faults.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn change_faults(State(shop): State<Arc<Shop>>, Json(faults): Json<Faults>) -> Response {
    match faults.checked() {
        Ok(faults) => {
            *shop.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
            Json(faults).into_response()
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// An error as RFC 9457 says it.
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// Callbacks kept at once.
const CALLBACKS_MAX: usize = 1_000;
/// Makes one request faulty.
const FAULT_HEADER: HeaderName = HeaderName::from_static("x-fault");
