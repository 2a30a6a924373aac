//! Probes, tags, inventory, enrollment.

mod index;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use legator_engine::Resource;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};

use self::index::FleetIndex;
use super::{Enrollment, Filter, Fleet, FleetFault, NewToken, Probe, Standing, Token};
use crate::error::{Problem, at};
use crate::identity::api::{Authenticated, Created, Done};
use crate::identity::{Caller, Identity, ManageProbe, ManageTokens, Permit, ViewFleet};
use crate::tenant::{Reach, Tenant};
use crate::vault::Secret;

#[derive(Tags)]
enum Room {
    /// Probes: what is enrolled and how it stands.
    Fleet,
    /// Enrollment: how probes come in.
    Enrollment,
}

/// A probe.
#[derive(Object)]
pub struct ProbeOut {
    id: String,
    name: String,
    hostname: String,
    os: String,
    arch: String,
    /// The probe program's version.
    version: String,
    /// `pending`, `online`, `degraded` or `offline`.
    status: String,
    tags: Vec<String>,
    #[oai(skip_serializing_if_is_none)]
    site: Option<String>,
    /// Whose it is; absent for the default tenant.
    #[oai(skip_serializing_if_is_none)]
    tenant: Option<String>,
    /// The most that this probe is asked for.
    ceiling: String,
    /// What the host itself forbids.
    #[oai(skip_serializing_if_is_none)]
    floor: Option<serde_json::Value>,
    health: HealthOut,
    #[oai(skip_serializing_if_is_none)]
    load: Option<LoadOut>,
    enrolled_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    last_seen_at: Option<DateTime<Utc>>,
}

/// 100 is well; each warning takes 25.
#[derive(Object)]
pub struct HealthOut {
    score: u8,
    warnings: Vec<String>,
}

/// From the newest heartbeat.
#[derive(Object)]
pub struct LoadOut {
    /// Averages over 1, 5 and 15 minutes.
    load: Vec<f64>,
    cpus: u32,
    mem_used_bytes: u64,
    mem_total_bytes: u64,
    disk_used_bytes: u64,
    disk_total_bytes: u64,
    uptime_s: u64,
    /// How far the host's clock is ahead of the server's, in milliseconds.
    clock_ahead_ms: i64,
    /// Share of the last 10 s in which some task waited for the processor, in percent.
    #[oai(skip_serializing_if_is_none)]
    pressure_cpu: Option<f64>,
    #[oai(skip_serializing_if_is_none)]
    pressure_memory: Option<f64>,
    #[oai(skip_serializing_if_is_none)]
    pressure_io: Option<f64>,
}

#[derive(Object)]
pub struct ProbePage {
    probes: Vec<ProbeOut>,
    /// How many there are in all, on every page.
    total: usize,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

#[derive(Object)]
pub struct NewTags {
    tags: Vec<String>,
}

#[derive(Object)]
pub struct SummaryOut {
    total: usize,
    /// How many probes are `pending`, `online`, `degraded`, `offline`.
    counts: BTreeMap<String, usize>,
}

#[derive(Object)]
pub struct TagsOut {
    /// How many probes have each tag.
    tags: BTreeMap<String, usize>,
}

#[derive(Object)]
pub struct InventoryOut {
    probes: Vec<ProbeOut>,
    aggregates: Aggregates,
}

#[derive(Object)]
pub struct Aggregates {
    total_probes: usize,
    online: usize,
    total_cpus: u64,
    total_ram_bytes: u64,
    probes_by_os: BTreeMap<String, usize>,
    tag_distribution: BTreeMap<String, usize>,
}

#[derive(Object)]
pub struct ProbeInventory {
    probe: String,
    /// By section: `system`, `disks`, `interfaces`, `packages`, `services`, `users`.
    sections: BTreeMap<String, serde_json::Value>,
}

/// An enrollment token to be made.
#[derive(Object)]
pub struct TokenAsk {
    #[oai(default)]
    name: String,
    /// Given to every probe that enrolls with it.
    #[oai(default)]
    tags: Vec<String>,
    site: Option<String>,
    /// Whose the probes are that enroll with it: a tenant that you reach. Yours, if absent.
    tenant: Option<String>,
    /// Only this probe (id or name) may enroll again with it.
    probe: Option<String>,
    /// How often it can be used; `null` for any number. Once, if absent.
    #[oai(default = "once")]
    max_uses: Option<i64>,
    /// How long it lives, in seconds. An hour, if absent.
    #[oai(default = "an_hour")]
    ttl_s: i64,
}

const fn once() -> Option<i64> {
    Some(1)
}

const fn an_hour() -> i64 {
    3600
}

/// An enrollment token, without its secret.
#[derive(Object)]
pub struct TokenOut {
    id: String,
    name: String,
    tags: Vec<String>,
    #[oai(skip_serializing_if_is_none)]
    site: Option<String>,
    /// Absent for the default tenant.
    #[oai(skip_serializing_if_is_none)]
    tenant: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    probe: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    max_uses: Option<i64>,
    uses: i64,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    revoked_at: Option<DateTime<Utc>>,
}

#[derive(Object)]
pub struct TokenList {
    tokens: Vec<TokenOut>,
}

/// A fresh token. Its text is shown this once.
#[derive(Object)]
pub struct MintedToken {
    #[oai(flatten)]
    record: TokenOut,
    /// Give it to `legator-probe init --token`.
    token: String,
}

/// What a machine says of itself when it enrolls.
#[derive(Object)]
pub struct Registration {
    token: String,
    name: Option<String>,
    hostname: String,
    os: String,
    arch: String,
    version: String,
    machine_id: String,
    #[oai(default)]
    tags: Vec<String>,
}

/// What an enrolled machine gets.
#[derive(Object)]
pub struct Registered {
    probe_id: String,
    name: String,
    /// Base 64 of 32 bytes: this probe's own key.
    key: String,
}

#[derive(ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "it lives for one answer, and the large one is the usual one")]
pub enum IndexAnswer {
    #[oai(status = 200)]
    New(Json<FleetIndex>, #[oai(header = "ETag")] String),
    /// It is what the caller has.
    #[oai(status = 304)]
    Same,
}

pub struct FleetApi {
    pub fleet: Fleet,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1")]
impl FleetApi {
    /// Lists probes by name.
    #[oai(path = "/probes", method = "get", tag = "Room::Fleet", operation_id = "list_probes")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn probes(
        &self,
        caller: Authenticated,
        /// Only probes with this tag.
        tag: Query<Option<String>>,
        /// Only `pending`, `online`, `degraded` or `offline` ones.
        status: Query<Option<String>>,
        os: Query<Option<String>>,
        site: Query<Option<String>>,
        /// Part of the name, host name or id.
        q: Query<Option<String>>,
        /// 1 to 1,000.
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u32>,
        /// From `next_cursor`.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ProbePage>, Problem> {
        let filter = Filter { tag: tag.0, status: status.0, os: os.0, site: site.0, text: q.0 };
        let shown = self.shown(&caller.0, &filter);
        let after = cursor.0.unwrap_or_default();
        let total = shown.len();
        let mut rest = shown.into_iter().filter(|(probe, _)| probe.name > after);
        let page: Vec<_> = rest.by_ref().take(limit.0 as usize).collect();
        let next_cursor = rest.next().and(page.last().map(|(probe, _)| probe.name.clone()));
        Ok(Json(ProbePage { probes: page.iter().map(out).collect(), total, next_cursor }))
    }

    /// One probe, by id or name.
    #[oai(path = "/probes/:id", method = "get", tag = "Room::Fleet", operation_id = "get_probe")]
    async fn probe(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ProbeOut>, Problem> {
        let (probe, _) = self.find::<ViewFleet>(&caller.0, &id.0).await?;
        let standing = self.fleet.standing(probe.id);
        Ok(Json(out(&(probe, standing))))
    }

    /// A probe's health.
    #[oai(path = "/probes/:id/health", method = "get", tag = "Room::Fleet", operation_id = "get_probe_health")]
    async fn health(&self, caller: Authenticated, id: Path<String>) -> Result<Json<HealthOut>, Problem> {
        let (probe, _) = self.find::<ViewFleet>(&caller.0, &id.0).await?;
        let health = self.fleet.standing(probe.id).health;
        Ok(Json(HealthOut { score: health.score, warnings: health.warnings }))
    }

    /// What a probe's host is made of.
    #[oai(path = "/probes/:id/inventory", method = "get", tag = "Room::Fleet", operation_id = "get_probe_inventory")]
    async fn inventory_of(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ProbeInventory>, Problem> {
        let (probe, _) = self.find::<ViewFleet>(&caller.0, &id.0).await?;
        let sections = self.fleet.inventory(probe.id).await?;
        Ok(Json(ProbeInventory { probe: probe.id.to_string(), sections }))
    }

    /// Removes a probe. Its key is forgotten; to come back it has to enroll.
    #[oai(path = "/probes/:id", method = "delete", tag = "Room::Fleet", operation_id = "delete_probe")]
    async fn remove(&self, caller: Authenticated, id: Path<String>) -> Result<Done, Problem> {
        let (probe, permit) = self.find::<ManageProbe>(&caller.0, &id.0).await?;
        self.fleet.remove(permit, probe.id).await?;
        Ok(Done::Done)
    }

    /// Replaces a probe's tags.
    #[oai(path = "/probes/:id/tags", method = "put", tag = "Room::Fleet", operation_id = "set_probe_tags")]
    async fn tag(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<NewTags>,
    ) -> Result<Json<ProbeOut>, Problem> {
        let (probe, permit) = self.find::<ManageProbe>(&caller.0, &id.0).await?;
        let probe = self.fleet.set_tags(permit, probe.id, BTreeSet::from_iter(body.0.tags)).await?;
        let standing = self.fleet.standing(probe.id);
        Ok(Json(out(&(probe, standing))))
    }

    /// How many probes stand how.
    #[oai(path = "/fleet/summary", method = "get", tag = "Room::Fleet", operation_id = "get_fleet_summary")]
    async fn summary(&self, caller: Authenticated) -> Result<Json<SummaryOut>, Problem> {
        let summary = self.fleet.summary(&caller.0.reach, &Filter::default(), |probe| self.sees(&caller.0, probe));
        let counts = super::Status::ALL.map(|status| {
            let status = status.as_str();
            (status.to_owned(), summary.by_status.get(status).copied().unwrap_or_default())
        });
        Ok(Json(SummaryOut { total: summary.total, counts: counts.into() }))
    }

    /// Every probe with totals.
    #[oai(path = "/fleet/inventory", method = "get", tag = "Room::Fleet", operation_id = "get_fleet_inventory")]
    async fn inventory(
        &self,
        caller: Authenticated,
        tag: Query<Option<String>>,
        status: Query<Option<String>>,
    ) -> Result<Json<InventoryOut>, Problem> {
        let filter = Filter { tag: tag.0, status: status.0, ..Filter::default() };
        let summary = self.fleet.summary(&caller.0.reach, &filter, |probe| self.sees(&caller.0, probe));
        let probes = self.shown(&caller.0, &filter);
        let online = ["online", "degraded"].map(|status| summary.by_status.get(status).copied().unwrap_or_default());
        Ok(Json(InventoryOut {
            probes: probes.iter().map(out).collect(),
            aggregates: Aggregates {
                total_probes: summary.total,
                online: online.iter().sum(),
                total_cpus: summary.cpus,
                total_ram_bytes: summary.mem_bytes,
                probes_by_os: summary.by_os,
                tag_distribution: summary.by_tag,
            },
        }))
    }

    /// Every probe by columns, for a page that shows all of them. With `If-None-Match` only what has changed is sent.
    #[oai(path = "/fleet/index", method = "get", tag = "Room::Fleet", operation_id = "get_fleet_index")]
    async fn index(
        &self,
        caller: Authenticated,
        #[oai(name = "If-None-Match")] known: Header<Option<String>>,
    ) -> Result<IndexAnswer, Problem> {
        let index = FleetIndex::of(&self.shown(&caller.0, &Filter::default()));
        let etag = index.etag();
        if known.0.as_deref() == Some(etag.as_str()) {
            return Ok(IndexAnswer::Same);
        }
        Ok(IndexAnswer::New(Json(index), etag))
    }

    /// How many probes have each tag.
    #[oai(path = "/fleet/tags", method = "get", tag = "Room::Fleet", operation_id = "list_tags")]
    async fn tags(&self, caller: Authenticated) -> Result<Json<TagsOut>, Problem> {
        let summary = self.fleet.summary(&caller.0.reach, &Filter::default(), |probe| self.sees(&caller.0, probe));
        Ok(Json(TagsOut { tags: summary.by_tag }))
    }

    /// The probes with a tag.
    #[oai(path = "/fleet/by-tag/:tag", method = "get", tag = "Room::Fleet", operation_id = "list_probes_by_tag")]
    async fn by_tag(&self, caller: Authenticated, tag: Path<String>) -> Result<Json<ProbePage>, Problem> {
        let filter = Filter { tag: Some(tag.0), ..Filter::default() };
        let probes: Vec<_> = self.shown(&caller.0, &filter).iter().map(out).collect();
        Ok(Json(ProbePage { total: probes.len(), probes, next_cursor: None }))
    }

    /// Lists enrollment tokens, without their secrets.
    #[oai(path = "/tokens", method = "get", tag = "Room::Enrollment", operation_id = "list_tokens")]
    async fn tokens(&self, caller: Authenticated) -> Result<Json<TokenList>, Problem> {
        let permit = self.identity.permit::<ManageTokens>(&caller.0, Resource::control_plane()).await?;
        let tokens = self.fleet.tokens(&permit).await?;
        Ok(Json(TokenList { tokens: tokens.iter().map(Into::into).collect() }))
    }

    /// Makes an enrollment token. Its text is shown once.
    #[oai(path = "/tokens", method = "post", tag = "Room::Enrollment", operation_id = "create_token")]
    async fn mint(&self, caller: Authenticated, body: Json<TokenAsk>) -> Result<Created<MintedToken>, Problem> {
        let permit = self.identity.permit::<ManageTokens>(&caller.0, Resource::control_plane()).await?;
        let TokenAsk { name, tags, site, tenant, probe, max_uses, ttl_s } = body.0;
        let reach = &permit.caller().reach;
        let probe = probe.map(|probe| self.fleet.find(reach, &probe)).transpose()?;
        let tenant = match (tenant, &probe) {
            (Some(name), _) => self.identity.tenant(reach, &name)?.tenant.clone(),
            (None, Some(probe)) => probe.tenant.clone(),
            (None, None) => self.own_tenant(reach)?,
        };
        let probe = probe.map(|probe| probe.id);
        let ttl_ms = ttl_s.saturating_mul(1000);
        let new = NewToken { name, tags: BTreeSet::from_iter(tags), site, tenant, probe, max_uses, ttl_ms };
        let (token, text) = self.fleet.mint_token(permit, new).await?;
        Ok(Created::Created(Json(MintedToken { record: (&token).into(), token: text.expose().clone() })))
    }

    /// Ends an enrollment token at once.
    #[oai(path = "/tokens/:id", method = "delete", tag = "Room::Enrollment", operation_id = "revoke_token")]
    async fn revoke(&self, caller: Authenticated, id: Path<String>) -> Result<Done, Problem> {
        let permit = self.identity.permit::<ManageTokens>(&caller.0, Resource::control_plane()).await?;
        let id = id.0.parse().map_err(|_| Problem::not_found("token", &id.0))?;
        self.fleet.revoke_token(permit, id).await?;
        Ok(Done::Done)
    }

    /// Enrolls a machine. The token is the credential.
    #[oai(path = "/register", method = "post", tag = "Room::Enrollment", operation_id = "register_probe")]
    async fn register(&self, body: Json<Registration>) -> Result<Created<Registered>, Problem> {
        let Registration { token, name, hostname, os, arch, version, machine_id, tags } = body.0;
        let (token, tags) = (Secret::new(token), BTreeSet::from_iter(tags));
        let ask = Enrollment { token, name, hostname, os, arch, version, machine_id, tags };
        let enrolled = self.fleet.enroll(ask).await?;
        Ok(Created::Created(Json(Registered {
            probe_id: enrolled.probe.id.to_string(),
            name: enrolled.probe.name.clone(),
            key: enrolled.key.expose().clone(),
        })))
    }
}

const fn hundred() -> u32 {
    100
}

impl FleetApi {
    fn resource(&self, probe: &Probe) -> Resource {
        probe.resource(self.fleet.standing(probe.id).status)
    }

    /// The tenant that is meant where none is said.
    fn own_tenant(&self, reach: &Reach) -> Result<Tenant, Problem> {
        match reach.only() {
            Some(only) => Ok(only.clone()),
            None if reach.has(&Tenant::default()) => Ok(Tenant::default()),
            None => Err(Problem::new("invalid", "say with `tenant` whose the probes are; you reach several tenants")),
        }
    }

    fn sees(&self, caller: &Caller, probe: &Probe) -> bool {
        self.identity.may::<ViewFleet>(caller, self.resource(probe))
    }

    fn shown(&self, caller: &Caller, filter: &Filter) -> Vec<(Arc<Probe>, Standing)> {
        self.fleet.list(&caller.reach, filter).into_iter().filter(|(probe, _)| self.sees(caller, probe)).collect()
    }

    async fn find<A: crate::identity::Act>(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Arc<Probe>, Permit<A>), Problem> {
        let probe = self.fleet.find(&caller.reach, id)?;
        let permit = self.identity.permit::<A>(caller, self.resource(&probe)).await?;
        Ok((probe, permit))
    }
}

fn out((probe, standing): &(Arc<Probe>, Standing)) -> ProbeOut {
    let beat = standing.heartbeat.as_ref().filter(|beat| beat.mem_total_bytes > 0);
    ProbeOut {
        id: probe.id.to_string(),
        name: probe.name.clone(),
        hostname: probe.hostname.clone(),
        os: probe.os.clone(),
        arch: probe.arch.clone(),
        version: probe.version.clone(),
        status: standing.status.as_str().to_owned(),
        tags: probe.tags.iter().cloned().collect(),
        site: probe.site.clone(),
        tenant: probe.tenant.said().map(str::to_owned),
        ceiling: probe.ceiling.to_string(),
        floor: probe.floor.clone(),
        health: HealthOut { score: standing.health.score, warnings: standing.health.warnings.clone() },
        load: beat.map(|beat| LoadOut {
            load: beat.load.to_vec(),
            cpus: beat.cpus,
            mem_used_bytes: beat.mem_used_bytes,
            mem_total_bytes: beat.mem_total_bytes,
            disk_used_bytes: beat.disk_used_bytes,
            disk_total_bytes: beat.disk_total_bytes,
            uptime_s: beat.uptime_s,
            clock_ahead_ms: beat.clock_ahead_ms,
            pressure_cpu: beat.pressure.map(|pressure| pressure.cpu),
            pressure_memory: beat.pressure.map(|pressure| pressure.memory),
            pressure_io: beat.pressure.map(|pressure| pressure.io),
        }),
        enrolled_at: at(probe.enrolled_at),
        last_seen_at: standing.last_seen_at.map(at),
    }
}

impl From<&Token> for TokenOut {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            tags: token.tags.iter().cloned().collect(),
            site: token.site.clone(),
            tenant: token.tenant.said().map(str::to_owned),
            probe: token.probe.map(|probe| probe.to_string()),
            max_uses: token.max_uses,
            uses: token.uses,
            created_by: token.created_by.clone(),
            created_at: at(token.created_at),
            expires_at: at(token.expires_at),
            revoked_at: token.revoked_at.map(at),
        }
    }
}

impl From<FleetFault> for Problem {
    fn from(fault: FleetFault) -> Self {
        let detail = fault.to_string();
        match fault {
            FleetFault::NoProbe(_) => {
                Problem::new("not-found", detail).help("`legatorctl probes` lists what is enrolled")
            }
            FleetFault::Ambiguous(_) => Problem::new("conflict", detail).help("say which with its id or `?tenant=`"),
            FleetFault::NoToken(_) => Problem::new("not-found", detail),
            FleetFault::BadToken => Problem::new("bad-token", detail).help("make one with `legatorctl tokens create`"),
            FleetFault::KnownMachine { name, .. } => Problem::new("known-machine", detail).help(format!(
                "to enroll it again, make a token for it: `legatorctl tokens create --probe {name}`; or remove the probe"
            )),
            FleetFault::Invalid(_) => Problem::new("invalid", detail),
            FleetFault::Write(fault) => fault.into(),
            FleetFault::Vault(_) | FleetFault::Read(_) => Problem::internal(detail),
        }
    }
}
