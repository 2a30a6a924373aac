//! The outside on one page: every API, the probes' socket, the documentation, and what every answer has in common.

mod events;
mod house;
mod listen;
mod pack;
mod rotation;
mod secure;
mod shape;
mod socket;
mod stream;
mod ui;

use poem::endpoint::BoxEndpoint;
use poem::middleware::AddData;
use poem::{EndpointExt as _, IntoEndpoint as _, Route, get};
use poem_openapi::{OpenApi, OpenApiService};

pub use self::listen::{Bound, ListenFault, bind, serve};

use crate::app::App;
use crate::approvals::api::ApprovalsApi;
use crate::approvals::api::arranged::ArrangedApi;
use crate::approvals::api::glass::GlassApi;
use crate::approvals::api::keys::VoteKeysApi;
use crate::capacity::api::CapacityApi;
use crate::command::api::CommandApi;
use crate::command::api::keys::ProbeKeysApi;
use crate::fleet::api::FleetApi;
use crate::grants::api::GrantsApi;
use crate::identity::api::IdentityApi;
use crate::identity::api::asked::AskedApi;
use crate::identity::api::devices::DevicesApi;
use crate::identity::api::logout::LogoutApi;
use crate::identity::api::passkeys::PasskeysApi;
use crate::identity::api::providers::ProvidersApi;
use crate::identity::api::rights::RightsApi;
use crate::identity::api::sessions::SessionsApi;
use crate::identity::api::tenants::TenantsApi;
use crate::policy::api::{BundlesApi, CheckApi, PolicyApi, TemplatesApi, WebhookApi};
use crate::replay::api::ReplayApi;
use crate::timeline::api::TimelineApi;

/// Every operation, in the order in which the documentation shows them.
fn apis(app: &App) -> impl OpenApi + use<> {
    let App { identity, fleet, policy, capacity, approvals, road, replays, ledger, events, metrics, .. } = app.clone();
    (
        CommandApi { road: road.clone(), fleet: fleet.clone(), identity: identity.clone() },
        ProbeKeysApi { road: road.clone(), fleet: fleet.clone(), identity: identity.clone() },
        stream::StreamApi { commands: CommandApi { road, fleet: fleet.clone(), identity: identity.clone() } },
        (
            ApprovalsApi { approvals: approvals.clone(), identity: identity.clone() },
            ArrangedApi { approvals: approvals.clone(), identity: identity.clone() },
            VoteKeysApi { approvals: approvals.clone(), identity: identity.clone() },
            GlassApi { approvals, identity: identity.clone() },
            GrantsApi { ahead: app.ahead() },
        ),
        FleetApi { fleet: fleet.clone(), identity: identity.clone() },
        (
            PolicyApi { policy: policy.clone(), identity: identity.clone() },
            BundlesApi { activations: app.activations() },
            CheckApi::new(policy.clone(), identity.clone()),
            TemplatesApi { activations: app.activations(), ceilings: app.ceilings() },
            WebhookApi { policy },
        ),
        ReplayApi { replays, identity: identity.clone() },
        CapacityApi { capacity, identity: identity.clone() },
        TimelineApi { clock: app.clock.clone(), ledger, identity: identity.clone() },
        events::EventsApi { events, fleet: fleet.clone(), identity: identity.clone() },
        // Tuples of tuples, since one has room for sixteen.
        (
            SessionsApi(identity.clone()),
            ProvidersApi(identity.clone()),
            LogoutApi(identity.clone()),
            PasskeysApi(identity.clone()),
            DevicesApi(identity.clone()),
            IdentityApi(identity.clone()),
            RightsApi(identity.clone()),
            AskedApi(identity.clone()),
            TenantsApi(identity.clone()),
        ),
        rotation::RotationApi { rotation: app.rotation.clone(), identity: identity.clone() },
        house::HouseApi { app: app.clone(), metrics, identity },
    )
}

/// The OpenAPI document.
pub fn document(app: &App) -> String {
    with_tenant(&service(app).spec())
}

/// The document with the one parameter that every operation takes which knows its caller. The extractor of callers
/// reads it, and can describe only how they show who they are.
fn with_tenant(spec: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<serde_json::Value>(spec) else { return spec.to_owned() };
    let operations = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in operations.filter_map(serde_json::Value::as_object_mut).flat_map(|methods| methods.values_mut()) {
        if operation.get("security").is_none() {
            continue;
        }
        let tenant = serde_json::json!({
            "name": "tenant", "in": "query", "required": false, "deprecated": false, "explode": true,
            "description": "One tenant alone, of those that the caller reaches.",
            "schema": { "type": "string" },
        });
        match operation.get_mut("parameters").and_then(serde_json::Value::as_array_mut) {
            Some(parameters) => parameters.push(tenant),
            None => operation["parameters"] = serde_json::json!([tenant]),
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or_else(|_| spec.to_owned())
}

fn service(app: &App) -> OpenApiService<impl OpenApi + use<>, ()> {
    OpenApiService::new(apis(app), "Legator", env!("CARGO_PKG_VERSION")).description(
        "Run your fleet by rules you can read. Probes speak on `/ws/probe`, described in `engine/protocol/README.md`.",
    )
}

fn json_text(text: String) -> poem::Response {
    poem::Response::builder().content_type("application/json; charset=utf-8").body(text)
}

/// The whole outside.
pub fn endpoint(app: &App) -> BoxEndpoint<'static> {
    let service = service(app);
    let (docs, spec) = (service.scalar(), document(app));
    Route::new()
        .at("/ws/probe", get(socket::probe))
        .at("/openapi.json", get(poem::endpoint::make_sync(move |_| json_text(spec.clone()))))
        .nest("/docs", docs)
        .at("/docs/problems", get(house::codes))
        .nest("/", service)
        .around(ui::pages)
        .around(shape::shape)
        .with(AddData::new(app.cards.clone()))
        .with(AddData::new(app.identity.clone()))
        .with(AddData::new(app.clone()))
        .into_endpoint()
        .boxed()
}
