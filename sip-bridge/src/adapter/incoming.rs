//! New transactions: to the leg they belong to, to a new leg, or refused without keeping anything.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Method, Request};
use rsipstack::transaction::{Transaction, TransactionReceiver};
use rsipstack::transport::SipConnection;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::{debug, info};

use call::Pii;

use super::dialog::{Dialog, transport_of};
use super::headers::{sdp_of, to_tag};
use super::leg_task::LegTask;
use super::switch::{DialogKey, NoPlace, Switch};
use super::wire::{FromWire, LEG_INBOX_MAX, Reply, TheirInvite, drive_theirs, response, source_of};
use crate::front::unescaped;
use crate::handle::{InboundCall, LEG_EVENTS_MAX, LEG_ORDERS_MAX, LegHandle};
use crate::leg::Leg;

/// Takes transactions until the door closes.
pub(crate) async fn dispatch(switch: Arc<Switch>, transactions: Option<TransactionReceiver>) {
    let Some(mut transactions) = transactions else { return };
    let stop = switch.stop_token();
    loop {
        let transaction = tokio::select! {
            () = stop.cancelled() => return,
            transaction = transactions.recv() => transaction,
        };
        let Some(transaction) = transaction else { return };
        receive(&switch, transaction).await;
    }
}

async fn receive(switch: &Arc<Switch>, transaction: Transaction) {
    match (to_tag(&transaction.original), transaction.original.method) {
        (Some(tag), _) => {
            let call_id = transaction.original.call_id_header().map(|id| id.value().to_owned());
            let leg = call_id.ok().and_then(|call_id| switch.find(&DialogKey { call_id, tag }));
            // RFC 3261 12.2.2: a dialog we do not know.
            let Some(leg) = leg else { return refuse(switch, transaction, 481, None).await };
            match leg.try_reserve() {
                Ok(room) => room.send(FromWire::Request(Box::new(transaction))),
                Err(TrySendError::Full(())) => refuse(switch, transaction, 503, Some(BUSY_PAUSE)).await,
                Err(TrySendError::Closed(())) => refuse(switch, transaction, 481, None).await,
            }
        }
        (None, Method::Invite) => {
            if let Err((transaction, code)) = invited(switch, transaction) {
                let pause = (code == 503).then_some(BUSY_PAUSE);
                refuse(switch, *transaction, code, pause).await;
            }
        }
        (None, _) => refuse(switch, transaction, 481, None).await,
    }
}

/// Begins a leg for a new call and hands it to the house.
fn invited(switch: &Arc<Switch>, transaction: Transaction) -> Result<(), (Box<Transaction>, u16)> {
    let room = switch.inbound.try_reserve();
    let Some(room) = room.ok().filter(|_| !switch.is_overloaded()) else {
        info!("No room for another inbound call");
        return Err((Box::new(transaction), 503));
    };
    let (Some(connection), Some(source)) = (&transaction.connection, source_of(&transaction)) else {
        return Err((Box::new(transaction), 400));
    };
    let invite = &transaction.original;
    let Some(dialog) = Dialog::invited(switch, invite, connection, source) else {
        return Err((Box::new(transaction), 400));
    };
    let (events_in, events) = mpsc::channel(LEG_EVENTS_MAX);
    let (orders_in, orders) = mpsc::channel(LEG_ORDERS_MAX);
    let (inbox_in, inbox) = mpsc::channel(LEG_INBOX_MAX);
    let place = match switch.enter(dialog.key(), dialog.caller_key(), inbox_in.clone()) {
        Ok(mut place) => {
            dialog.stream().into_iter().for_each(|stream| place.hold(stream));
            place
        }
        // RFC 3261 8.2.2.2: the same request by another way is refused there.
        Err(NoPlace::Merged) => return Err((Box::new(transaction), 482)),
        Err(NoPlace::Closed | NoPlace::Full) => return Err((Box::new(transaction), 503)),
    };
    let call = InboundCall {
        leg: LegHandle::new(events, orders_in),
        from: Pii::new(caller(invite)),
        to: unescaped(invite.uri.user().unwrap_or_default()),
        source,
        offer: sdp_of(invite, &invite.body),
        sip_call_id: dialog.call_id.clone(),
        user_to_user: invite.header_value("User-to-User"),
        transport: transport_of(connection),
    };
    let task = LegTask::inbound(switch, dialog, &transaction, (events_in, orders, inbox_in.clone(), inbox), place);
    let driver = drive_theirs(transaction, TheirInvite::First, inbox_in, task.leash());
    switch.spawn("INVITE", driver);
    switch.spawn("leg", task.run(Leg::inbound()));
    room.send(call);
    Ok(())
}

/// The user who calls, or the host when there is none, as with an anonymous trunk.
fn caller(invite: &Request) -> String {
    let uri = invite.from_header().ok().and_then(|from| from.uri().ok());
    uri.map(|uri| uri.user().map_or_else(|| uri.host().to_string(), unescaped)).unwrap_or_default()
}

/// Answers and forgets (RFC 3261 8.2.7): a transaction that is dropped unanswered leaves nothing in the stack.
async fn refuse(switch: &Switch, transaction: Transaction, code: u16, retry_after: Option<Duration>) {
    let tag = format!("{:x}", u32::from(code));
    let reply = Reply { local_tag: &tag, retry_after, ..Reply::default() };
    let refusal = response(switch, &transaction.original, code, reply).into();
    debug!(code, method = %transaction.original.method, "Request refused");
    let sent = match &transaction.connection {
        // A peer that does not read must not hold up the others.
        Some(SipConnection::Channel(channel)) => channel.try_send(refusal),
        Some(connection) => connection.send(refusal, None).await,
        None => Ok(()),
    };
    if let Err(error) = sent {
        debug!(code, %error, "Refusal not sent");
    }
}

/// What a refused caller is asked to wait.
const BUSY_PAUSE: Duration = Duration::from_secs(5);
