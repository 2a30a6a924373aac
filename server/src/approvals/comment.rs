//! Talk about a request: questions and answers beside the votes, kept with them.
//! Never: counts as a vote.

use std::sync::Arc;

use legator_protocol::{ApprovalId, CommentId};

use super::{ApprovalFault, Approvals, store};
use crate::audit::Draft;
use crate::identity::{CommentApproval, Permit};

/// The longest comment, in bytes.
const LONGEST: usize = 4_000;

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: CommentId,
    /// The comment that it answers.
    pub reply_to: Option<String>,
    pub person: String,
    pub name: String,
    pub text: String,
    pub at: i64,
}

impl Approvals {
    pub async fn comments(&self, id: ApprovalId) -> Result<Vec<Comment>, ApprovalFault> {
        Ok(store::arranged::comments(&self.0.db, id).await?)
    }

    /// Says something about a request, open or not.
    pub async fn comment(
        &self,
        permit: Permit<CommentApproval>,
        id: ApprovalId,
        text: String,
        reply_to: Option<String>,
    ) -> Result<Comment, ApprovalFault> {
        if text.trim().is_empty() || text.len() > LONGEST {
            return Err(ApprovalFault::Invalid("a comment has 1 to 4,000 bytes".to_owned()));
        }
        if let Some(other) = &reply_to
            && !self.comments(id).await?.iter().any(|comment| comment.id.to_string() == *other)
        {
            return Err(ApprovalFault::Invalid(format!("there is no comment `{other}` on this request to answer")));
        }
        let whose = self.get(&permit.caller().reach, id).await?.asked.tenant.clone();
        let (at, person) = (self.0.clock.now(), Arc::clone(&permit.caller().person));
        let comment = Comment {
            id: self.0.clock.born(CommentId::born),
            reply_to,
            person: person.id.to_string(),
            name: person.name.clone(),
            text,
            at,
        };
        let draft = Draft::new("approval.commented", person.name.clone(), id.to_string()).tenant(&whose).body(
            serde_json::json!({
                "comment": comment.id.to_string(), "reply_to": comment.reply_to, "text": comment.text,
                "person": comment.person,
            }),
        );
        let row = comment.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::arranged::insert_comment(batch.connection().await?, id, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let body = serde_json::json!({ "comment": comment.id.to_string(), "by": comment.name });
        self.0.events.publish(at, &whose, "approval.commented", id.to_string(), body);
        Ok(comment)
    }
}
