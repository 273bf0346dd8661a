//! From the configuration to the door: its limits, its users, and at which phone an agent is reached.

use std::net::SocketAddr;

use call::AgentId;
use sip_bridge::{Contact, GuardConfig, RegistrarConfig, TlsError, TlsIdentity, User};

use crate::config::Config;
use crate::house::House;

/// The limits on one source.
pub(crate) fn guard(config: &Config) -> GuardConfig {
    let guard = &config.sip.guard;
    GuardConfig {
        invites_s_max: guard.invites_s_max.number(),
        registers_s_max: guard.registers_s_max.number(),
        failures_max: guard.failures_max.number(),
        block: guard.block_s.duration(),
        connections_max: guard.connections_max.number(),
        idle: guard.idle_s.duration(),
        trusted: guard.trusted.clone(),
    }
}

/// The TLS address and what is shown there.
///
/// # Errors
/// When the certificate or the key will not do: the message names the file.
pub(crate) fn tls(config: &Config) -> Result<Option<(SocketAddr, TlsIdentity)>, TlsError> {
    let sip = &config.sip;
    match (sip.tls.address(), &sip.tls_certificate, &sip.tls_key) {
        (Some(address), Some(certificate), Some(key)) => Ok(Some((address, TlsIdentity::read(certificate, key)?))),
        _ => Ok(None),
    }
}

/// Who may register; `None` when nobody may.
pub(crate) fn registrar(config: &Config) -> Option<RegistrarConfig> {
    let (registrar, guard) = (&config.sip.registrar, &config.sip.guard);
    let users = config.users.iter().map(|user| User {
        name: user.name.clone(),
        ha1_md5: user.ha1_md5.as_ref().map(|ha1| ha1.reveal().to_owned()),
        ha1_sha256: user.ha1_sha256.as_ref().map(|ha1| ha1.reveal().to_owned()),
    });
    (!config.users.is_empty()).then(|| RegistrarConfig {
        realm: registrar.realm.as_str().to_owned(),
        users: users.collect(),
        expires_min: registrar.expires_s_min.duration(),
        expires_max: registrar.expires_s_max.duration(),
        failures_max: guard.failures_max.number(),
        block: guard.block_s.duration(),
        nat_pause: registrar.nat_keepalive_s.duration(),
        secret: rand::random(),
    })
}

/// How an agent is reached now.
pub(crate) enum Reach {
    /// By the fixed address that the desk knows.
    Fixed,
    /// At the phone that registered last.
    Registered(Contact),
}

impl Reach {
    /// # Errors
    /// When the agent's phone has to register and has not.
    pub(crate) fn of(house: &House, agent: &AgentId) -> Result<Self, String> {
        let configured = house.config.agents.iter().find(|configured| configured.id == *agent);
        let Some(user) = configured.and_then(|agent| agent.user.as_deref()) else { return Ok(Self::Fixed) };
        let latest = house.door.contacts(user).into_iter().next();
        let fixed = configured.is_some_and(|agent| agent.address.is_some());
        match latest {
            Some(contact) => Ok(Self::Registered(contact)),
            None if fixed => Ok(Self::Fixed),
            None => Err("the phone is not registered".to_owned()),
        }
    }

    /// Where it is, where that is known.
    pub(crate) fn source(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Fixed => None,
            Self::Registered(contact) => Some(contact.source.ip()),
        }
    }
}
