//! What roles and groups there are, and what each may do by the policies in force.

use std::collections::{BTreeMap, BTreeSet};

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::{Authenticated, Room};
use crate::error::Problem;
use crate::identity::{ACTIONS, Change, Identity, Kind, ManageUsers, ViewPolicies};
use legator_engine::Resource;

/// A role, as the policies in force make it.
#[derive(Object)]
pub struct RoleOut {
    name: String,
    /// What a person with this role alone may do somewhere, levels of commands first. What people have to approve counts.
    permissions: Vec<String>,
    /// The same for an agent.
    agent_permissions: Vec<String>,
}

#[derive(Object)]
pub struct Roles {
    roles: Vec<RoleOut>,
}

/// An action that policies decide on, and that a key can be for.
#[derive(Object)]
pub struct PermissionOut {
    action: String,
    /// Whether policy lets the caller do it somewhere.
    mine: bool,
    /// The roles that are enough for it somewhere.
    roles: Vec<String>,
}

#[derive(Object)]
pub struct Permissions {
    permissions: Vec<PermissionOut>,
}

#[derive(Object)]
pub struct PeopleGroup {
    name: String,
    /// People and machine accounts, by name.
    members: Vec<String>,
}

#[derive(Object)]
pub struct PeopleGroups {
    groups: Vec<PeopleGroup>,
}

/// Who is to be in a group, and nobody else.
#[derive(Object)]
pub struct PeopleGroupIn {
    /// By id or name.
    members: Vec<String>,
}

pub struct RightsApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl RightsApi {
    /// Lists roles, with what each may do by the policies in force.
    #[oai(path = "/roles", method = "get", operation_id = "list_roles")]
    async fn roles(&self, caller: Authenticated) -> Result<Json<Roles>, Problem> {
        self.0.permit::<ViewPolicies>(&caller.0, Resource::control_plane()).await?;
        let owned = |actions: Vec<&'static str>| actions.into_iter().map(str::to_owned).collect();
        let roles = self.0.roles().into_iter().map(|name| RoleOut {
            permissions: owned(self.0.actions_of_role(&name, Kind::User)),
            agent_permissions: owned(self.0.actions_of_role(&name, Kind::Agent)),
            name,
        });
        Ok(Json(Roles { roles: roles.collect() }))
    }

    /// Lists the actions that policies decide on, and that a key can be for.
    #[oai(path = "/auth/permissions", method = "get", operation_id = "list_permissions")]
    async fn permissions(&self, caller: Authenticated) -> Result<Json<Permissions>, Problem> {
        self.0.permit::<ViewPolicies>(&caller.0, Resource::control_plane()).await?;
        let mine = self.0.permissions(&caller.0);
        let roles: Vec<(String, Vec<&str>)> = self
            .0
            .roles()
            .into_iter()
            .map(|role| {
                let actions = self.0.actions_of_role(&role, Kind::User);
                (role, actions)
            })
            .collect();
        let levels = ["observe", "diagnose", "remediate", "destroy"];
        let permissions = levels.iter().chain(ACTIONS).map(|action| PermissionOut {
            action: (*action).to_owned(),
            mine: mine.contains(action),
            roles: roles.iter().filter(|(_, may)| may.contains(action)).map(|(role, _)| role.clone()).collect(),
        });
        Ok(Json(Permissions { permissions: permissions.collect() }))
    }

    /// Lists groups with their members.
    #[oai(path = "/groups", method = "get", operation_id = "list_groups")]
    async fn groups(&self, caller: Authenticated) -> Result<Json<PeopleGroups>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for person in self.0.people(&permit) {
            for group in &person.groups {
                groups.entry(group.clone()).or_default().push(person.name.clone());
            }
        }
        let groups = groups.into_iter().map(|(name, members)| PeopleGroup { name, members });
        Ok(Json(PeopleGroups { groups: groups.collect() }))
    }

    /// Says who is in a group. A group without members is none.
    #[oai(path = "/groups/:name", method = "put", operation_id = "set_group")]
    async fn set_group(
        &self,
        caller: Authenticated,
        name: Path<String>,
        body: Json<PeopleGroupIn>,
    ) -> Result<Json<PeopleGroup>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let mut members = BTreeSet::new();
        for member in &body.0.members {
            members.insert(self.0.find(&permit, member)?.id);
        }
        let mut names = Vec::new();
        for person in self.0.people(&permit) {
            let (is_in, shall_be) = (person.groups.contains(&name.0), members.contains(&person.id));
            if shall_be {
                names.push(person.name.clone());
            }
            if is_in != shall_be {
                let mut groups = person.groups.clone();
                if shall_be {
                    groups.insert(name.0.clone());
                } else {
                    groups.remove(&name.0);
                }
                let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
                self.0.change_person(permit, person.id, Change { groups: Some(groups), ..Change::default() }).await?;
            }
        }
        Ok(Json(PeopleGroup { name: name.0, members: names }))
    }
}
