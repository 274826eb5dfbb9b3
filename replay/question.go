package replay

// question is one request as a row's policy sees it.
type question struct {
	propensity, evaluation float64
	cost, errors           expected
}

// expected is what the model says of the logged endpoint, and of the policy.
type expected struct{ logged, policy float64 }

// asked is what the estimators ask about a row's policy at a request: how
// likely it was to send it there, and what was expected of that. The log's own
// policy (AsRecorded) is known by what it drew alone, which is expected as it is.
func (w *Window) asked(row int, recorded bool, endpoint int, propensity float64) question {
	q := question{propensity: propensity, cost: expected{nan, nan}, errors: expected{nan, nan}}
	if endpoint >= 0 {
		q.cost.logged, q.errors.logged = w.forecast[endpoint].cost, w.forecast[endpoint].errors
	}
	if recorded {
		q.evaluation, q.cost.policy, q.errors.policy = propensity, q.cost.logged, q.errors.logged
		return q
	}
	weights := w.Steps[row].Weights
	if endpoint >= 0 {
		q.evaluation = weights[endpoint]
	}
	q.cost.policy, q.errors.policy = 0, 0
	for i, f := range w.forecast {
		if weights[i] > 0 {
			q.cost.policy += weights[i] * f.cost
			q.errors.policy += weights[i] * f.errors
		}
	}
	return q
}
