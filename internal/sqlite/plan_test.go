package sqlite

import (
	"strings"
	"testing"
)

// TestNoLoginScansATable: a statement that loses its index still answers right, until there are ten million rows.
func TestNoLoginScansATable(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for _, text := range []string{
		challengeByID, challengeByLink, resendChallenge, judgeChallenge, selectGuesses, deleteGuesses, deleteGuessNetworks,
		userByID, userByEmail, userByPhone, usersAfter, standing, loginUser, codeByID, spendCode, grantByID, rotateGrant,
		revokeGrant, leaveSession, dueMessages, leaseMessage, retryMessage, deleteMessage, projectByID, clientByID, clientsOfProject,
		keysOfProject, lastEventsOf, nextEventProject, sweepChallenges, sweepCodes, sweepGrants, sweepEvents, sweepGuesses,
		archiveProjects, archiveKeys, archiveClients, archiveUsers, archiveGuesses, archiveNetworks, archiveGrants, archiveSessions,
		archiveEvents, archiveCursor,
		sessionByID, sessionAndUser, sessionsOfUser, useSession, deleteSession, grantsOfSession, grantsOfUser, describeUser,
		smsOf, pendingSMS, deletePendingSMS, forgetSMS, untripSMS, sweepSMSCounts, sweepSMSDays, sweepSMSTrips, sweepPendingSMS,
		deviceByID, deviceByUserCode, judgeDevice, sweepSessions, sweepDevices, sweepOnce,
		`DELETE FROM codes WHERE user = ?`, `DELETE FROM grants WHERE user = ?`, `DELETE FROM sessions WHERE user = ?`,
	} {
		must(t, s.read(t.Context(), func(c *conn) error {
			q := c.stmt("EXPLAIN QUERY PLAN " + text)
			defer q.reset()
			for {
				found, err := q.row()
				if !found {
					return err
				}
				step := q.s.ColumnText(3)
				if strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" && !strings.HasPrefix(step, "SCAN (subquery") ||
					strings.Contains(step, "TEMP B-TREE") && text != dueMessages {
					t.Errorf("%s\nwould %s", text, step)
				}
			}
		}))
	}
}
