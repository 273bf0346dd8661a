//! The sample shop over real HTTP, well and faulty: what flows and their tests rely on.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::time::{Duration, Instant};

use jiff::civil::date;
use serde_json::{Value, json};
use test_audio::shop::{Faults, Stock, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[tokio::test]
async fn an_order_is_found_with_everything_a_caller_asks() {
    let shop = OpenShop::open(Faults::default()).await;
    let (status, order) = shop.get("/orders/20418844", "").await;
    assert_eq!(status, 200);
    assert_eq!(order["status"], "shipped");
    assert_eq!(order["customer"], json!({ "name": "Wang Fang", "phone": "13800550101" }));
    assert_eq!(order["items"][0]["name_zh"], "扫地机器人");
    assert_eq!((&order["total"], &order["currency"]), (&json!(1299.0), &json!("CNY")));
    assert_eq!((&order["placed"], &order["expected"]), (&json!("2026-11-19"), &json!("2026-11-23")));
    let (status, orders) = shop.get("/orders", "").await;
    assert_eq!((status, orders["orders"].as_array().unwrap().len() >= 40), (200, true));
    let (status, shipment) = shop.get("/orders/20418844/shipment", "").await;
    assert_eq!((status, &shipment["carrier"]), (200, &json!("SF Express")));
    assert_eq!(shipment["steps"].as_array().unwrap().len(), 3);
    let (status, customer) = shop.get("/customers/+8613800550101/orders", "").await;
    assert_eq!((status, &customer["name"]), (200, &json!("Wang Fang")));
    assert!(customer["orders"].as_array().unwrap().iter().any(|order| order["id"] == "20418844"));
    shop.close().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document() {
    let shop = OpenShop::open(Faults::default()).await;
    for path in ["/orders/20418842", "/orders/20418842/shipment", "/customers/110/orders", "/nowhere"] {
        let (status, problem) = shop.get(path, "").await;
        assert_eq!((status, &problem["status"]), (404, &json!(404)), "{path}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    shop.close().await;
}

#[tokio::test]
async fn a_callback_is_kept() {
    let shop = OpenShop::open(Faults::default()).await;
    let (status, kept) = shop.post("/callbacks", &json!({ "number": "13800550101", "queue": "after-sales" })).await;
    assert_eq!((status, &kept["id"]), (201, &json!(1)));
    let (_, all) = shop.get("/callbacks", "").await;
    assert_eq!(all["callbacks"][0]["number"], "13800550101");
    let (status, _) = shop.post("/callbacks", &json!({ "nummer": 1 })).await;
    assert_eq!(status, 422);
    shop.close().await;
}

#[tokio::test]
async fn faults_come_by_header_query_and_control() {
    let shop = OpenShop::open(Faults::default()).await;
    let (status, _) = shop.get("/orders/20418844", "x-fault: status=503\r\n").await;
    assert_eq!(status, 503);
    let (status, _) = shop.get("/orders/20418844?fault=status%3D500", "").await;
    assert_eq!(status, 500);
    let (status, _) = shop.get("/orders/20418844", "x-fault: explode\r\n").await;
    assert_eq!(status, 400);
    let asked = Instant::now();
    let (status, _) = shop.get("/orders/20418844?fault=latency=150", "").await;
    assert_eq!((status, asked.elapsed() >= Duration::from_millis(150)), (200, true));

    assert_eq!(shop.post("/faults", &json!({ "status": 500 })).await.0, 200);
    assert_eq!(shop.get("/orders/20418844", "").await.0, 500);
    assert_eq!(shop.get("/faults", "").await, (200, json!({ "latency_ms": 0, "status": 500, "hang": false })));
    assert_eq!(shop.post("/faults", &json!({ "status": 200 })).await.0, 400);
    assert_eq!(shop.post("/faults", &json!({})).await.0, 200);
    assert_eq!(shop.get("/orders/20418844", "").await.0, 200);
    shop.close().await;
}

#[tokio::test]
async fn a_hanging_request_does_not_keep_the_shop_open() {
    let shop = OpenShop::open(Faults { hang: true, ..Faults::default() }).await;
    let address = shop.address;
    let hanging = tokio::spawn(async move { request(address, "GET", "/orders", "", "").await });
    let early = tokio::time::timeout(Duration::from_millis(200), async { hanging.is_finished() }).await;
    assert_eq!(early, Ok(false));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!hanging.is_finished(), "it hangs");
    shop.close().await;
    assert_eq!(hanging.await.unwrap().0, 503);
}

/// A shop on a port of its own.
struct OpenShop {
    address: std::net::SocketAddr,
    close: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl OpenShop {
    async fn open(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closed) = oneshot::channel::<()>();
        let stock = Stock::new(date(2026, 11, 21));
        let task = tokio::spawn(serve(listener, stock, faults, async {
            let _dropped = closed.await;
        }));
        Self { address, close, task }
    }

    async fn get(&self, path: &str, headers: &str) -> (u16, Value) {
        request(self.address, "GET", path, headers, "").await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let headers = "content-type: application/json\r\n";
        request(self.address, "POST", path, headers, &body.to_string()).await
    }

    async fn close(self) {
        drop(self.close);
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap().unwrap();
    }
}

/// One HTTP request on a connection of its own; a body that is not JSON comes back as null.
async fn request(address: std::net::SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n{headers}");
    let text = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}
