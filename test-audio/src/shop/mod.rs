//! A sample business to call about: orders, shipments and customers over real HTTP, and faults on demand.
//!
//! The demo and the tests need a shop whose answers are known, whose dates stay fresh, and which can be made slow,
//! broken or silent in the middle of a call. Everything is computed from one date; nothing is stored on disk.
//!
//! | request | answer |
//! |---|---|
//! | `GET /orders` | `{"orders": [...]}`: every order |
//! | `GET /orders/{id}` | one order: `id, customer {name, phone}, items [{name, name_zh, quantity, price}], total, currency, status, carrier, tracking, expected, placed` |
//! | `GET /orders/{id}/shipment` | `order, status, carrier, tracking, expected, steps [{date, text, text_zh}]` |
//! | `GET /customers/{phone}/orders` | `name, phone, orders [...]`, latest first; the phone with or without `+86` |
//! | `POST /callbacks` | `{"number", "queue", "note"?}` is kept; 201 with its `id` |
//! | `GET /callbacks` | `{"callbacks": [...]}`: what was kept |
//! | `GET /faults`, `POST /faults` | the faults of all further requests, as [`Faults`] |
//!
//! What is not there is a 404 of type `application/problem+json` (RFC 9457). One request alone is made faulty by the
//! header `x-fault` or the query `fault`, for example `latency=2500`, `status=500`, `hang`, or several with commas.

mod faults;
mod http;
mod stock;

pub use faults::Faults;
pub use http::serve;
pub use stock::{Customer, Item, Order, OrderStatus, Stock, has_check_digit};
