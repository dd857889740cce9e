// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/url"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/strata-apm/strata/alerting/receiver"
)

// trialAlert is the name of the alert of a test notification.
const trialAlert = "StrataTest"

// Trial is a made-up alert for the notifier of that name.
func Trial(notifier string, external *url.URL, now time.Time) receiver.Notification {
	return receiver.Notification{ID: NewID(), Message: receiver.NewMessage(receiver.Group{
		Key: groupKey("", trialAlert), Labels: map[string]string{labels.AlertName: trialAlert}, Receiver: notifier, ExternalURL: external.String(),
	}, []receiver.Alert{{
		Status: receiver.StatusFiring, StartsAt: now.UTC(), Fingerprint: "0000000000000000", GeneratorURL: external.JoinPath("alerts").String(),
		Labels:      map[string]string{labels.AlertName: trialAlert, "severity": "none"},
		Annotations: map[string]string{"summary": "This is a test notification. Nothing is wrong."},
	}})}
}
