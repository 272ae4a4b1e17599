{{ addresses(
    ref('stg_sales__contacts'),
    prefixes=[''],
    parts=['street', 'city', 'state_text', 'postal_code', 'country_text'],
    country=var('country_when_blank'),
    for_blank=var('country_for_blank_address')
) }}
