module github.com/strata-apm/strata/test/e2e/peers/remotewritesuite

go 1.26.0

require (
	github.com/prometheus/complicance/remotewrite2 v0.0.0
)

replace github.com/prometheus/complicance/remotewrite2 => github.com/prometheus/compliance/remotewrite/receiver v0.0.0-20260806071727-67b8327a2e93
