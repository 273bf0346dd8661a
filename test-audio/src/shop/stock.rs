//! What the sample shop has sold: computed from one date, so that "arrives in two days" is true on any day.
//!
//! Order ids have 8 digits, the last a check digit (Luhn, ISO/IEC 7812-1 annex B), so that one misheard digit is
//! noticed. The first order is [`Stock::DEMO_ORDER`], about which the scenarios ask.

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde::Serialize;

use crate::dice::Dice;

/// Every customer and every order.
#[derive(Clone, Debug)]
pub struct Stock {
    customers: Vec<Customer>,
    orders: Vec<Order>,
}

/// Somebody who bought something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// How they are called.
    pub name: String,
    /// Their number, digits only.
    pub phone: String,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// What it is, in English.
    pub name: String,
    /// What it is, in Chinese.
    pub name_zh: String,
    /// How many.
    pub quantity: u32,
    /// The price of one, in the order's currency.
    pub price: f64,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Called off before it was sent.
    Cancelled,
    /// With the customer.
    Delivered,
    /// Paid and being packed.
    Processing,
    /// The money is on its way back.
    Refunding,
    /// On its way.
    Shipped,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Order {
    /// 8 digits with a check digit.
    pub id: String,
    /// Who ordered.
    pub customer: Customer,
    /// What.
    pub items: Vec<Item>,
    /// What it costs altogether, in `currency`.
    pub total: f64,
    /// ISO 4217.
    pub currency: String,
    /// How far it has come.
    pub status: OrderStatus,
    /// Who carries it; nobody yet, or never.
    pub carrier: Option<String>,
    /// The carrier's number for it.
    pub tracking: Option<String>,
    /// When it should arrive, or did; nothing for what will never arrive.
    pub expected: Option<Date>,
    /// When it was ordered.
    pub placed: Date,
}

impl Stock {
    /// A shipped order that arrives in two days.
    pub const DEMO_ORDER: &'static str = "20418844";

    /// The shop as it is on this day.
    pub fn new(today: Date) -> Self {
        let customers: Vec<Customer> = CUSTOMERS
            .iter()
            .map(|&(name, phone)| Customer { name: name.to_owned(), phone: phone.to_owned() })
            .collect();
        let mut dice = Dice::new(STOCK_SEED);
        let mut orders: Vec<Order> = Vec::with_capacity(ORDERS);
        while orders.len() < ORDERS {
            let order = order(orders.len(), &customers, today, &mut dice);
            if orders.iter().all(|other| other.id != order.id) {
                orders.push(order);
            }
        }
        Self { customers, orders }
    }

    /// Every order; the demo order first.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Every customer.
    pub fn customers(&self) -> &[Customer] {
        &self.customers
    }

    /// The order with this id.
    pub fn order(&self, id: &str) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    /// The customer with this number, given with or without the country's prefix.
    pub fn customer(&self, phone: &str) -> Option<&Customer> {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        let national = digits.strip_prefix("86").filter(|rest| rest.len() == 11).unwrap_or(&digits);
        self.customers.iter().find(|customer| customer.phone == national)
    }

    /// A customer's orders, the latest first.
    pub fn orders_of(&self, customer: &Customer) -> Vec<&Order> {
        let mut orders: Vec<&Order> = self.orders.iter().filter(|order| order.customer == *customer).collect();
        orders.sort_by(|a, b| b.placed.cmp(&a.placed).then(a.id.cmp(&b.id)));
        orders
    }
}

/// Whether text is digits of which the last is right (Luhn).
pub fn has_check_digit(text: &str) -> bool {
    let Some((body, last)) = text.split_at_checked(text.len().saturating_sub(1)) else { return false };
    let all_digits = text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits && last == check_digit(body).to_string()
}

/// The digit that goes behind `body` (Luhn): every second digit from the right doubled, its digits added up.
fn check_digit(body: &str) -> u32 {
    let digits = body.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match (place.is_multiple_of(2), digit * 2) {
            (true, doubled) if doubled > 9 => doubled - 9,
            (true, doubled) => doubled,
            (false, _) => digit,
        })
        .sum();
    (10 - sum % 10) % 10
}

/// The `index`-th order.
fn order(index: usize, customers: &[Customer], today: Date, dice: &mut Dice) -> Order {
    let mut pick = |choices: usize| (dice.bits() % choices.max(1) as u64) as usize;
    let status = STATUSES[index % STATUSES.len()];
    let body = if index == 0 { DEMO_BODY } else { 2_000_000 + pick(7_000_000) as u32 };
    let body = body.to_string();
    // Each customer has some; the demo's is the first one's.
    let customer = customers[index % customers.len()].clone();
    let items: Vec<Item> = (0..=pick(2)).map(|nth| item(if index == 0 { nth } else { pick(GOODS.len()) })).collect();
    let items = if index == 0 { vec![item(0)] } else { items };
    let cents: f64 = items.iter().map(|item| item.price * 100.0 * f64::from(item.quantity)).sum();
    let age = match status {
        OrderStatus::Processing => pick(2) as i64,
        OrderStatus::Shipped => 2 + pick(3) as i64,
        OrderStatus::Cancelled | OrderStatus::Refunding => 4 + pick(10) as i64,
        OrderStatus::Delivered => 6 + pick(40) as i64,
    };
    let (age, ahead) = if index == 0 { (2, 2) } else { (age, 1 + pick(4) as i64) };
    let placed = days_from(today, -age);
    let carrier = match status {
        OrderStatus::Delivered | OrderStatus::Refunding | OrderStatus::Shipped => {
            Some(CARRIERS[index % CARRIERS.len()])
        }
        OrderStatus::Cancelled | OrderStatus::Processing => None,
    };
    let expected = match status {
        OrderStatus::Cancelled | OrderStatus::Refunding => None,
        OrderStatus::Delivered => Some(days_from(placed, ahead.min(age))),
        OrderStatus::Processing | OrderStatus::Shipped => Some(days_from(today, ahead)),
    };
    let tracking = carrier.map(|(_, prefix)| format!("{prefix}{:010}", pick(10_000_000_000)));
    Order {
        id: format!("{body}{}", check_digit(&body)),
        customer,
        total: (cents.round()) / 100.0,
        currency: "CNY".to_owned(),
        items,
        status,
        carrier: carrier.map(|(name, _)| name.to_owned()),
        tracking,
        expected,
        placed,
    }
}

/// One of these goods.
fn item(index: usize) -> Item {
    let (name, name_zh, price) = GOODS[index % GOODS.len()];
    Item { name: name.to_owned(), name_zh: name_zh.to_owned(), quantity: 1 + (index as u32 % 5) / 4, price }
}

/// A day so many days later; the same day at the end of the calendar.
pub(super) fn days_from(day: Date, days: i64) -> Date {
    let span: Span = days.days();
    day.saturating_add(span)
}

/// The shop's orders.
const ORDERS: usize = 48;
/// The same shop every time.
const STOCK_SEED: u64 = 2_041;
/// [`Stock::DEMO_ORDER`] without its check digit.
const DEMO_BODY: u32 = 2_041_884;

/// Statuses go round in this order, which gives every kind its share.
const STATUSES: [OrderStatus; 8] = [
    OrderStatus::Shipped,
    OrderStatus::Delivered,
    OrderStatus::Processing,
    OrderStatus::Shipped,
    OrderStatus::Refunding,
    OrderStatus::Delivered,
    OrderStatus::Cancelled,
    OrderStatus::Delivered,
];

/// Carriers and how their numbers begin.
const CARRIERS: [(&str, &str); 5] =
    [("SF Express", "SF"), ("JD Logistics", "JD"), ("YTO Express", "YT"), ("ZTO Express", "ZT"), ("China Post", "EA")];

/// Invented people; 555 01xx is what films use.
const CUSTOMERS: [(&str, &str); 15] = [
    ("Wang Fang", "13800550101"),
    ("Li Wei", "13800550102"),
    ("Zhang Min", "13800550103"),
    ("Liu Yang", "13800550104"),
    ("Chen Jing", "13800550105"),
    ("Anna Keller", "13800550106"),
    ("Zhao Lei", "13800550107"),
    ("Huang Ying", "13800550108"),
    ("James Morton", "13800550109"),
    ("Zhou Qiang", "13800550110"),
    ("Wu Xia", "13800550111"),
    ("Sofia Lind", "13800550112"),
    ("Xu Gang", "13800550113"),
    ("Sun Mei", "13800550114"),
    ("Daniel Okoro", "13800550115"),
];

/// Goods: English, Chinese, price in yuan.
const GOODS: [(&str, &str, f64); 14] = [
    ("robot vacuum cleaner", "扫地机器人", 1_299.00),
    ("electric kettle", "电热水壶", 159.00),
    ("rice cooker", "电饭煲", 399.00),
    ("air purifier", "空气净化器", 899.50),
    ("desk lamp", "台灯", 128.00),
    ("wireless headphones", "无线耳机", 649.00),
    ("coffee machine", "咖啡机", 1_880.00),
    ("hair dryer", "吹风机", 239.90),
    ("washing machine", "洗衣机", 2_599.00),
    ("electric toothbrush", "电动牙刷", 199.00),
    ("microwave oven", "微波炉", 459.00),
    ("smart watch", "智能手表", 1_099.00),
    ("mobile phone", "手机", 3_299.00),
    ("standing fan", "落地扇", 269.00),
];

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn check_digits_follow_luhn() {
        // The published examples of the algorithm.
        assert!(has_check_digit("79927398713"));
        assert!(has_check_digit("4539578763621486"));
        for wrong in ["79927398710", "20418842", "", "7", "2041884x", "二〇四"] {
            assert!(!has_check_digit(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_shop_is_large_varied_and_the_same_every_time() {
        let today = date(2026, 11, 21);
        let stock = Stock::new(today);
        assert!(stock.orders().len() >= 40);
        assert_eq!(stock.customers().len(), 15);
        assert!(stock.orders().iter().all(|order| order.id.len() == 8 && has_check_digit(&order.id)));
        assert_eq!(stock.orders(), Stock::new(today).orders());
        for status in STATUSES {
            assert!(stock.orders().iter().filter(|order| order.status == status).count() >= 4, "{status:?}");
        }
        assert!(stock.customers().iter().all(|customer| stock.orders_of(customer).len() >= 3));
    }

    #[test]
    fn dates_stay_fresh_and_in_order() {
        for today in [date(2026, 2, 28), date(2028, 2, 29), date(2026, 12, 31)] {
            for order in Stock::new(today).orders() {
                assert!(order.placed <= today);
                match order.status {
                    OrderStatus::Delivered => {
                        assert!(order.expected.is_some_and(|day| day >= order.placed && day <= today), "{order:?}");
                    }
                    OrderStatus::Processing | OrderStatus::Shipped => {
                        assert!(order.expected.is_some_and(|day| day > today));
                    }
                    OrderStatus::Cancelled | OrderStatus::Refunding => assert_eq!(order.expected, None),
                }
            }
        }
    }

    #[test]
    fn the_demo_order_is_what_the_scenarios_say() {
        let stock = Stock::new(date(2026, 11, 21));
        let order = stock.order(Stock::DEMO_ORDER).unwrap();
        assert_eq!(order.status, OrderStatus::Shipped);
        assert_eq!(order.expected, Some(date(2026, 11, 23)));
        assert_eq!(order.total, 1_299.0);
        assert_eq!(order.carrier.as_deref(), Some("SF Express"));
    }

    #[test]
    fn totals_add_up() {
        for order in Stock::new(date(2026, 11, 21)).orders() {
            let sum: f64 = order.items.iter().map(|item| item.price * f64::from(item.quantity)).sum();
            assert!((sum - order.total).abs() < 0.005, "{order:?}");
        }
    }

    #[test]
    fn a_customer_is_found_by_number_in_any_writing() {
        let stock = Stock::new(date(2026, 11, 21));
        for phone in ["13800550101", "+8613800550101", "138-0055-0101"] {
            assert_eq!(stock.customer(phone).map(|customer| customer.name.as_str()), Some("Wang Fang"), "{phone}");
        }
        assert_eq!(stock.customer("110"), None);
    }
}
