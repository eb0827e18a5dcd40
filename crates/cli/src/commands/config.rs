//! `config …`: needs no node.

use std::path::Path;
use std::time::Duration;

use nexus_node::api::Command;
use nexus_node::client::Client;
use nexus_node::config::{self, Config, ConfigRow};
use serde_json::{Value, json};

use crate::args::{ConfigVerb, Global};
use crate::output::Out;
use crate::output::table::Table;
use crate::place;
use crate::sanitize;
use crate::stop::Done;

/// How long a node that runs may take to answer; it reads the file at its next start in any case.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs one.
///
/// # Errors
/// `bad_config`, `not_found` for an unknown setting.
pub(crate) fn run(global: &Global, verb: ConfigVerb, out: &mut Out) -> Done {
    let file = place::config_file(global)?;
    match verb {
        ConfigVerb::Path => {
            let path = file.display().to_string();
            if out.json() {
                return out.object(&json!({ "path": path }));
            }
            out.text(&sanitize::line(&path))
        }
        ConfigVerb::Get { key: Some(key) } => {
            let row = config::get(&file, &key)?;
            if out.json() {
                out.object(&row)
            } else {
                out.text(&sanitize::line(&plain(&row.value)))
            }
        }
        ConfigVerb::Get { key: None } => {
            let rows = Config::load(&file)?.rows();
            if out.json() {
                return rows.iter().try_for_each(|row| out.object(row));
            }
            out.table(&table(&rows))
        }
        ConfigVerb::Set { key, value } => {
            if let Some(dir) = file.parent() {
                nexus_node::setup::make_directory(dir)?;
            }
            let row = config::set(&file, &key, &value)?;
            let at_once = key == "visibility" && takes_visibility(global, &file);
            if out.json() {
                return out.object(&row);
            }
            out.text(&format!("{} = {}", row.key, sanitize::line(&plain(&row.value))))?;
            out.remark(match at_once {
                true => "The running node holds to it from now on.",
                false => "A running node takes it at its next start.",
            });
            Ok(())
        }
    }
}

/// Lets a node that runs hold to the visibility in the file at once. `false` when none does, or it is too old for that.
fn takes_visibility(global: &Global, file: &Path) -> bool {
    let tell = async || -> Option<()> {
        let visibility = Config::load(file).ok()?.visibility;
        let client = Client::attach(&place::data_dir(global).ok()?).await.ok()??;
        client.done(Command::Visibility { visibility }).await.ok()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = async || tokio::time::timeout(PATIENCE, tell()).await;
    runtime.is_ok_and(|runtime| matches!(runtime.block_on(told()), Ok(Some(()))))
}

fn table(rows: &[ConfigRow]) -> Table {
    let mut table = Table::new(&["setting", "value", "", "what it does"]);
    for row in rows {
        let changed = if row.default { "" } else { "set" };
        table.row([row.key.as_str(), &plain(&row.value), changed, row.help.as_str()]);
    }
    table
}

/// A value as it may be typed for `config set`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
