{{ addresses(
    ref('stg_sales__quotes'),
    prefixes=[''],
    parts=['ship_to_name', 'street', 'city', 'state_text', 'postal_code', 'country_text'],
    country=var('quote_country_when_blank'),
    for_blank=false,
    county=false
) }}
