# Airflow with the flows, for docker-compose.yaml or a registry of your own.
FROM apache/airflow:3.3.2

COPY --chown=airflow:0 requirements.txt pyproject.toml README.md LICENSE /opt/airflow/
# The requirements pin Airflow too, so that no dependency can replace the version of the image.
RUN pip install --no-cache-dir --requirement /opt/airflow/requirements.txt

COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 dbt_project /opt/airflow/dbt_project
COPY --chown=airflow:0 dags /opt/airflow/dags
RUN pip install --no-cache-dir --no-deps --editable /opt/airflow && mkdir -p /opt/airflow/dbt

# Your own dbt project, if `p2c init installation` has made one beside this file; it takes ours as its package. The pattern
# lets the build go on without one.
COPY --chown=airflow:0 LICENSE installatio[n] /opt/airflow/installation/
RUN cd /opt/airflow/installation && if [ -f dbt_project.yml ]; then dbt deps --profiles-dir .; \
    else rm -r /opt/airflow/installation && ln -s dbt_project /opt/airflow/installation; fi

ENV P2C_DBT_HOME=/opt/airflow/dbt \
    P2C_DBT_PROJECT=/opt/airflow/installation \
    DBT_SEND_ANONYMOUS_USAGE_STATS=False
