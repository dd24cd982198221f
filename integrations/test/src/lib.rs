//! Runs Lua scripts for an object as Argo CD runs those that its ConfigMap holds: Lua 5.1 with the base and table
//! libraries and the object in the global `obj`. `require("os")` answers the two functions that tell the time; there is
//! no global of that name.
//!
//! A crate of its own, since only tests of the scripts need Lua.

use std::collections::BTreeMap;

use mlua::serde::{DeserializeOptions, SerializeOptions};
use mlua::{Lua, LuaOptions, LuaSerdeExt as _, Result, StdLib, Table};
use serde::Deserialize;
use serde_json::Value;

/// What a health script says of an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `Healthy`, `Progressing`, `Degraded` or `Suspended`.
    pub status: String,
    /// Why, for people.
    pub message: String,
}

/// What a discovery script says of one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Offer {
    /// The action is shown and cannot be taken.
    #[serde(default)]
    pub disabled: bool,
}

/// Runs a health script.
///
/// # Errors
///
/// The script fails, or answers something else.
pub fn health(script: &str, object: &Value) -> Result<Health> {
    run(script, object)
}

/// Runs a discovery script: the actions that are offered, by name.
///
/// # Errors
///
/// The script fails, or answers something else.
pub fn discovery(script: &str, object: &Value) -> Result<BTreeMap<String, Offer>> {
    run(script, object)
}

/// Runs an action: the object as it is to be.
///
/// # Errors
///
/// The script fails, or answers no table.
pub fn action(script: &str, object: &Value) -> Result<Value> {
    run(script, object)
}

fn run<T: serde::de::DeserializeOwned>(script: &str, object: &Value) -> Result<T> {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::OS, LuaOptions::default())?;
    let all: Table = lua.globals().get("os")?;
    let safe = lua.create_table()?;
    for name in ["date", "time"] {
        safe.set(name, all.get::<mlua::Value>(name)?)?;
    }
    lua.globals().set("os", mlua::Nil)?;
    let require = lua.create_function(move |_, name: String| match name.as_str() {
        "os" => Ok(safe.clone()),
        _ => Err(mlua::Error::runtime(format!("module {name} not found"))),
    })?;
    lua.globals().set("require", require)?;
    // What is null is absent.
    let options = SerializeOptions::new().serialize_none_to_null(false).serialize_unit_to_null(false);
    lua.globals().set("obj", lua.to_value_with(object, options)?)?;
    let answer: mlua::Value = lua.load(script).eval()?;
    lua.from_value_with(answer, DeserializeOptions::new())
}
