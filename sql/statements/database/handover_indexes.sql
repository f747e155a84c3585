-- The indexes of this table, each with what makes it the same as one of another table.
select
    indexrelid::regclass::text as name,
    array_to_string(
        array(
            select pg_get_indexdef(indexrelid, place, true) from generate_series(1, indnatts::integer) as place
        ),
        ', '
    ) as columns,
    concat_ws(
        ' ',
        case when indisunique then 'unique' end,
        (select amname from pg_am join pg_class on pg_am.oid = relam where pg_class.oid = indexrelid),
        'where ' || pg_get_expr(indpred, indrelid, true)
    ) as kind,
    indisprimary,
    obj_description(indexrelid, 'pg_class') as comment
from pg_index
where indrelid = %(place)s::regclass
order by 1
