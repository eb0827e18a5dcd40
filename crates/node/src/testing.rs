//! For tests of what is done inside of a job: a store with an identity and no node around it, and people who write to it.

use nexus_identity::card::Statement;
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::InstanceRecord;
use nexus_identity::{InstanceSecret, Secret32};

use std::sync::Arc;

use nexus_identity::card::VerifiedCard;
use nexus_identity::record::VerifiedRecord;
use nexus_identity::{ConnectId, IdentitySecrets, Millis};
use nexus_storage::Opened;
use nexus_storage::contacts::ContactRow;
use tempfile::TempDir;

use crate::error::Answered;
use crate::me::Me;
use crate::paths::Paths;
use crate::setup;
use crate::store_thread::{After, Work};

/// A store with an identity in it.
pub(crate) struct Desk {
    _dir: TempDir,
    opened: Opened,
    pub me: Arc<Me>,
    pub after: After,
    pub now: Millis,
}

impl Desk {
    pub(crate) fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        setup::init(dir.path(), name).unwrap();
        let paths = Paths::new(dir.path());
        let secrets = Arc::new(setup::read_identity(&paths).unwrap());
        let now = crate::time::now();
        let opened = setup::open_store(&paths, now).unwrap();
        let me = Arc::new(Me::load(&secrets, opened.writer.queries()).unwrap().unwrap());
        Self { _dir: dir, opened, me, after: After::default(), now }
    }

    /// Does a job, as the store thread would.
    pub(crate) fn work<T>(
        &mut self,
        job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T>,
    ) -> Answered<T> {
        let Self { opened, me, after, now, .. } = self;
        opened.writer.transaction(|tx| job(&mut Work { tx, me, after, now: *now }))
    }

    pub(crate) fn contact(&self, who: &ConnectId) -> Option<ContactRow> {
        self.opened.writer.queries().contact(who).unwrap()
    }
}

/// One device of somebody else.
pub(crate) struct Other {
    pub identity: Arc<IdentitySecrets>,
    pub instance: InstanceSecret,
    pub card: VerifiedCard,
    pub record: VerifiedRecord,
}

impl Other {
    pub(crate) fn new(name: &str) -> Self {
        let identity = Arc::new(IdentitySecrets::generate(&mut rand::rng()));
        let says = [
            Statement::Profile { hlc: 1, name: name.to_owned() },
            Statement::Contact { key: identity.contact_key() },
        ];
        let card = VerifiedCard::create(&identity, &says).unwrap();
        Self::device(identity, &card)
    }

    /// Another device of the same identity.
    pub(crate) fn second(&self) -> Self {
        Self::device(Arc::clone(&self.identity), &self.card)
    }

    fn device(identity: Arc<IdentitySecrets>, card: &VerifiedCard) -> Self {
        let mut rng = rand::rng();
        let instance = InstanceSecret::from_seed(Secret32::random(&mut rng));
        let add = Statement::Add { instance: instance.key(), created: Millis(1) };
        let card = card.with(&identity, &add).unwrap();
        let prekeys = Prekeys::generate(Millis(1), &mut rng).unwrap();
        let (id, prekey) = (identity.connect_id(), prekeys.current());
        let record = InstanceRecord::new(id, instance.key(), 1, prekey, Millis(1));
        let record = record.sign(&instance).unwrap();
        Self { identity, instance, card, record }
    }

    pub(crate) fn id(&self) -> ConnectId {
        self.card.connect_id()
    }
}
